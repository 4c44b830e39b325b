// Quants of packed weights, as tiles multiply them.
#ifndef PG_QUANTS_INL_H
#define PG_QUANTS_INL_H

#include "tile-inl.h"

// less returns what is subtracted from the quants of a plane.
PG_DOT static inline int less(const int plane) {
#define LESS(name, bits, less, halves, plain) \
	case PG_##name: \
		return less;
	switch (plane) { PG_PLANE_LIST(LESS) }
#undef LESS
	return 0;
}

// plain reports whether the quants of a plane need a float16 scale per row and 32
// columns and nothing else: then streams use that in place. (With a switch, as in
// less, gcc allocates registers of some tiles differently.)
PG_DOT static inline int plain(const int plane) {
#define PLAIN(name, bits, less, halves, plain) || (plain && plane == PG_##name)
	return 0 PG_PLANE_LIST(PLAIN);
#undef PLAIN
}

// bits returns the bits of the bytes at p that begin at bit from, moved to bit to
// and masked.
PG_DOT static inline vi bits(const uint8_t *p, const int from, const int mask, const int to) {
	return iand(ishift(iload(p), to - from), ibytes((int8_t)mask));
}

// quants returns group g of 4 columns of vector v of rows, as unsigned bytes.
PG_DOT static inline vi quants(const int plane, const uint8_t *w, const int g, const int v) {
	w += v * VECTOR;
	switch (plane) {
	case PG_P4:
	case PG_P4U:
		return bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0);
	case PG_P4C:
		return ilookup(bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0));
	case PG_P5:
	case PG_P5U:
		return ior(bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0), bits(w + 512, g, 0x10, 4));
	case PG_P6:
		return ior(bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0), bits(w + 512 + g / 4 * LINES, g % 4 * 2, 0x30, 4));
	case PG_P3:
		return ior(bits(w + g / 4 * LINES, g % 4 * 2, 0x03, 0), bits(w + 256, g, 0x04, 2));
	case PG_P2U:
		return bits(w + g / 4 * LINES, g % 4 * 2, 0x03, 0);
	}
	return iload(w + g * LINES); // PG_P8, UNPACKED, UNPACKED4
}

// centered returns quants of a plane as unpack stores them: around CENTER, or in
// their own range if NARROW.
PG_DOT static inline vi centered(const int plane, vi q) {
	if (NARROW || plane == PG_P4C || plane < 0 || less(plane) == CENTER)
		return q;
	return iadd8(q, ibytes((int8_t)(CENTER - less(plane))));
}

// bytes is quants, centered.
PG_DOT static inline vi bytes(const int plane, const uint8_t *w, const int g, const int v) {
	return centered(plane, quants(plane, w, g, v));
}

// widened returns bytes 0 and 1 of every four centered quants, or 2 and 3, as
// signed 16-bit values.
PG_DOT static inline vi widened(const int plane, vi q, const int pair) {
	int center = plane == PG_P4C || !NARROW ? CENTER : less(plane);
	return isub16(iwiden(q, pair), iwords((int16_t)center));
}

// words returns columns 0 and 1 of a group, or 2 and 3, as signed 16-bit values.
PG_DOT static inline vi words(const int plane, const uint8_t *w, const int g, const int v, const int pair) {
	if (plane < 0)
		return iload(w + (2 * g + pair) * LINES + v * VECTOR);
	return widened(plane, bytes(plane, w, g, v), pair);
}

#endif
