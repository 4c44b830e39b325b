// Quantized rows in ggml's own layout, unpacked as tiles read weights. A level defines
//
//	ipieces(p, step, to)   16 bytes of each of LANES rows, four of every row to
//	                       each vector
//	ihalves(a, to)         the float16 in the low and the high half of each 32 bits
#ifndef PG_ROWS_INL_H
#define PG_ROWS_INL_H

#include "unpack-inl.h"

typedef uint32_t row_words __attribute__((vector_size(VECTOR)));
typedef int32_t row_ints __attribute__((vector_size(VECTOR)));

// A row_place is a block of LANES rows: its bytes in the first row, and where its
// quants and scales go.
typedef struct {
	const uint8_t *p;
	size_t step; // bytes from row to row
	uint8_t *to;
	size_t to_step;                             // bytes from 32 columns to the next
	float (*d)[2][PG_PANEL], (*m)[2][PG_PANEL]; // scales and minimums, as in a pg_chunk
	int v;                                      // vector of rows
	const uint8_t *ahead;                       // a block of as many rows to prefetch meanwhile, or NULL
} row_place;

// row_ahead prefetches a part of the rows ahead: part i of n. All at once would wait
// for memory.
PG_DOT static inline void row_ahead(const row_place *r, const int bytes, const int i, const int n) {
	if (r->ahead) {
		const uint8_t *p = r->ahead + (size_t)(i * LANES / n) * r->step;
		PG_ANEW(p);
		for (int row = i * LANES / n; row < (i + 1) * LANES / n; row++, p += r->step)
			for (int j = 0; j < (bytes < 64 ? 64 : bytes); j += 64)
				__builtin_prefetch(p + j, 0, 2);
	}
}

// row_emit stores four groups of quants, from group g on, of columns 32 b.. of a
// block.
PG_DOT static inline void row_emit(const int plane, const int form, const row_place *r, const int b, const int g, const vi q[4]) {
	vi c[4];
	UNROLL for (int i = 0; i < 4; i++)
		c[i] = centered(plane, q[i]);
	put(plane, form, r->to + (size_t)b * r->to_step, g, r->v, c);
}

// row_bits stores the bits of q from bit from on, together with the bits of high
// that begin at bit 4.
PG_DOT static inline void row_bits(const int plane, const int form, const row_place *r, const int b, const int g, const vi q[4],
	const int from, const vi *high, const int shift) {
	vi c[4];
	UNROLL for (int i = 0; i < 4; i++) {
		c[i] = iand(ishift(q[i], -from), ibytes(15));
		if (high)
			c[i] = ior(c[i], iand(ishift(high[i], shift), ibytes(0x30)));
	}
	row_emit(plane, form, r, b, g, c);
}

// row_scale stores the scales of 32 columns, or of half of them.
PG_DOT static inline void row_scale(const row_place *r, float to[PG_PANEL], vf d) { vstore(to + r->v * LANES, d); }

// row_d returns the float16 at p of each row.
PG_DOT static inline vf row_d(const row_place *r, const uint8_t *p) {
	uint32_t d[LANES];
	for (int i = 0; i < LANES; i++, p += r->step) {
		uint16_t half;
		memcpy(&half, p, sizeof half);
		d[i] = half;
	}
	vf both[2];
	ihalves(iload(d), both);
	return both[0];
}

// row_byte returns byte i of each 32 bits, without a sign.
PG_DOT static inline vf row_byte(row_words a, const int i) { return iconvert((vi)(a << (24 - 8 * i) >> 24)); }

// row_scales stores the scales of a block, and its minimums.
PG_DOT static inline void row_scales(const int type, const row_place *r) {
	if (type == PG_Q8_0 || type == PG_Q4_0)
		row_scale(r, r->d[0][0], row_d(r, r->p));
	vi q[4];
	if (type == PG_Q4_K) {
		ipieces(r->p, r->step, q); // d, dmin, and 12 bytes of 6-bit scales and minimums
		vf all[2];                 // d and dmin
		ihalves(q[0], all);
		row_words a[3] = {(row_words)q[1], (row_words)q[2], (row_words)q[3]}, s[2][2];
		for (int i = 0; i < 2; i++) {
			s[i][0] = a[i] & 0x3f3f3f3f;
			s[i][1] = (a[2] >> 4 * i & 0x0f0f0f0f) | (a[i] >> 2 & 0x30303030);
		}
		UNROLL for (int b = 0; b < 8; b++) {
			row_scale(r, r->d[b][0], vmul(all[0], row_byte(s[0][b / 4], b % 4)));
			row_scale(r, r->m[b][0], vmul(vsub(vset(0), all[1]), row_byte(s[1][b / 4], b % 4)));
		}
	}
	if (type == PG_Q6_K) {
		vf all = row_d(r, r->p + 208);
		ipieces(r->p + 192, r->step, q); // 16 signed scales
		UNROLL for (int i = 0; i < 16; i++) {
			vf s = iconvert((vi)((row_ints)((row_words)q[i / 4] << (24 - i % 4 * 8)) >> 24));
			row_scale(r, r->d[i / 2][i % 2], vmul(all, s));
		}
	}
}

// row_block unpacks a block. Quants of 6 bits stay around 32 if own.
PG_DOT static inline void row_block(const int type, const int form, const int own, const int bytes, const row_place *r) {
	const uint8_t *p = r->p;
	vi q[4], more[4], high[4];
	const int six = own ? UNPACKED6 : PG_P6;
	row_scales(type, r);
	switch (type) {
	case PG_Q8_0:
		UNROLL for (int g = 0; g < 8; g += 4) {
			row_ahead(r, bytes, g / 4, 2);
			ipieces(p + 2 + 4 * g, r->step, q);
			UNROLL for (int i = 0; i < 4; i++)
				q[i] = iadd8(q[i], ibytes(-128));
			row_emit(PG_P8, form, r, 0, g, q);
		}
		break;
	case PG_Q4_0:
		row_ahead(r, bytes, 0, 1);
		ipieces(p + 2, r->step, q);
		row_bits(PG_P4, form, r, 0, 0, q, 0, NULL, 0);
		row_bits(PG_P4, form, r, 0, 4, q, 4, NULL, 0);
		break;
	case PG_Q4_K:
		UNROLL for (int b = 0; b < 8; b += 2) {
			UNROLL for (int g = 0; g < 8; g += 4) {
				row_ahead(r, bytes, b + g / 4, 8);
				ipieces(p + 16 + 16 * b + 4 * g, r->step, q);
				row_bits(PG_P4U, form, r, b, g, q, 0, NULL, 0);
				row_bits(PG_P4U, form, r, b + 1, g, q, 4, NULL, 0);
			}
		}
		break;
	case PG_Q6_K:
		UNROLL for (int b = 0; b < 8; b += 4) {
			UNROLL for (int g = 0; g < 8; g += 4) {
				row_ahead(r, bytes, b / 2 + g / 4, 4);
				ipieces(p + 16 * b + 4 * g, r->step, q);
				ipieces(p + 16 * b + 32 + 4 * g, r->step, more);
				ipieces(p + 128 + 8 * b + 4 * g, r->step, high);
				row_bits(six, form, r, b, g, q, 0, high, 4);
				row_bits(six, form, r, b + 1, g, more, 0, high, 2);
				row_bits(six, form, r, b + 2, g, q, 4, high, 0);
				row_bits(six, form, r, b + 3, g, more, 4, high, -2);
			}
		}
		break;
	}
}

// row_line reports whether a line of memory begins in a block, if one begins at 0.
PG_DOT static inline int row_line(int at, const int bytes) { return at % 64 == 0 || at % 64 + bytes > 64; }

// row_quants unpacks rows of a quantized type, and prefetches the same columns of the
// next panel. Where rows lie in small pages, that is faster than prefetching the panel
// line by line while tiles are computed.
PG_DOT static inline void row_quants(const int type, const int form, const int block, const int bytes, const pg_tile *t,
	const uint8_t *rows, size_t step) {
	for (int v = 0; v < VECTORS; v++) {
		row_place r = {.p = rows + (size_t)(v * LANES) * step, .step = step, .to = t->chunk->w, .to_step = t->w_step, .v = v};
		for (int b = 0; b < t->blocks; b += block / 32, r.p += bytes, r.to += (size_t)(block / 32) * t->w_step) {
			r.d = t->chunk->d + b;
			r.m = t->chunk->m + b;
			r.ahead = row_line(b * bytes, bytes) ? r.p + PG_PANEL * step : NULL;
			row_block(type, form, 0, bytes, &r);
		}
	}
}

// A function for each type.
#define QUANT(name, number, block, bytes, ...) name##_BLOCK = block, name##_BYTES = bytes,
enum { PG_QUANT_LIST(QUANT) };
#undef QUANT
#define ROWS(name) \
	PG_KERNEL static void rows_##name(const pg_tile *t, const uint8_t *rows, size_t step) { \
		row_quants(PG_##name, PG_INT8, name##_BLOCK, name##_BYTES, t, rows, step); \
	} \
	PG_KERNEL static void words_##name(const pg_tile *t, const uint8_t *rows, size_t step) { \
		row_quants(PG_##name, PG_INT16, name##_BLOCK, name##_BYTES, t, rows, step); \
	}
PG_ROW_LIST(ROWS)
#undef ROWS

// unpack_rows prepares the weights of a tile, a panel of rows that are step bytes
// apart.
PG_KERNEL static void unpack_rows(pg_tile *t, const uint8_t *rows, size_t step) {
	t->w = t->chunk->w;
	t->w_step = t->form == PG_INT16 ? 16 * LINES : 8 * LINES;
	switch (t->f->type) {
#define ROWS(name) \
	case PG_##name: \
		(t->form == PG_INT16 ? words_##name : rows_##name)(t, rows, step); \
		break;
		PG_ROW_LIST(ROWS)
#undef ROWS
	}
}

#endif
