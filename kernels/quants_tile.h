// Quants of packed weights, as product_tile.h multiplies them.

// less is what is subtracted from a plane's quants.
PG_DOT static inline int less(const int plane) {
	switch (plane) {
	case PG_P8: return 128;
	case PG_P4: return 8;
	case PG_P5: return 16;
	case PG_P6: return 32;
	case PG_P3: return 4;
	}
	return 0;
}

// bits returns the bits above mask's lowest, at its place, of the bytes at p,
// where they begin at bit from.
PG_DOT static inline vi bits(const uint8_t *p, const int from, const int mask, const int to) {
	return iand(ishift(iload(p), to - from), ibytes((int8_t)mask));
}

// quants returns group g of 4 columns of vector v of rows, as unsigned bytes.
PG_DOT static inline vi quants(const int plane, const uint8_t *w, const int g, const int v) {
	w += v * VECTOR;
	switch (plane) {
	case PG_P4: case PG_P4U:
		return bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0);
	case PG_P4C:
		return ilookup(bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0));
	case PG_P5: case PG_P5U:
		return ior(bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0), bits(w + 512, g, 0x10, 4));
	case PG_P6:
		return ior(bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0), bits(w + 512 + g / 4 * LINES, g % 4 * 2, 0x30, 4));
	case PG_P3:
		return ior(bits(w + g / 4 * LINES, g % 4 * 2, 0x03, 0), bits(w + 256, g, 0x04, 2));
	case PG_P2U:
		return bits(w + g / 4 * LINES, g % 4 * 2, 0x03, 0);
	}
	return iload(w + g * LINES); // PG_P8, UNPACKED
}

// bytes returns quants as unpack leaves them: around CENTER, or as they are.
PG_DOT static inline vi bytes(const int plane, const uint8_t *w, const int g, const int v) {
	vi q = quants(plane, w, g, v);
	if (NARROW || plane == PG_P4C || plane < 0 || less(plane) == CENTER)
		return q;
	return iadd8(q, ibytes((int8_t)(CENTER - less(plane))));
}

// words returns columns 0, 1 or 2, 3 of a group, as signed 16-bit values.
PG_DOT static inline vi words(const int plane, const uint8_t *w, const int g, const int v, const int pair) {
	if (plane < 0)
		return iload(w + (2 * g + pair) * LINES + v * VECTOR);
	int center = plane == PG_P4C || !NARROW ? CENTER : less(plane);
	return isub16(iwiden(bytes(plane, w, g, v), pair), iwords((int16_t)center));
}
