// Tiles of quantized weights, and streams: products of few columns, whose functions
// are in stream_tile-inl.h.
#ifndef PG_PRODUCT_TILE_INL_H
#define PG_PRODUCT_TILE_INL_H

#include "quants-inl.h"
#include "unpack-inl.h"

// around_128 reports whether words are multiplied as they are in a plane, around 128:
// then sums begin with what is too much. One column waits for memory anyway.
PG_DOT static inline int around_128(const int form, const int plane, const int columns) {
	return form == PG_INT16 && plane >= 0 && columns > 1;
}

// integers adds the products of 32 or 16 columns of 2 vectors of rows to s.
PG_DOT static inline void integers(const int form, const int plane, const int columns, const uint8_t *w, const uint8_t *act,
	const int v, const int g0, const int groups, vi s[2][PG_MAX_COLUMNS]) {
	if (form == PG_INT16) {
		UNROLL for (int g = g0; g < g0 + groups; g++) {
			UNROLL for (int pair = 0; pair < 2; pair++) {
				vi w0, w1;
				if (around_128(form, plane, columns)) {
					w0 = iwiden(quants(plane, w, g, v), pair);
					w1 = iwiden(quants(plane, w, g, v + 1), pair);
				} else {
					w0 = words(plane, w, g, v, pair);
					w1 = words(plane, w, g, v + 1, pair);
				}
				UNROLL for (int c = 0; c < columns; c++) {
					vi x = iset(act + c * 64 + (2 * g + pair) * 4);
					s[0][c] = idot16(s[0][c], w0, x);
					s[1][c] = idot16(s[1][c], w1, x);
				}
			}
		}
		return;
	}
	integers8(plane, columns, w, act, v, g0, groups, s);
}

// scale returns the scales of the rows from row i on.
PG_DOT static inline vf scale(const int plane, const void *d, int i) {
	return plain(plane) ? vload_half((const uint16_t *)d + i) : vload((const float *)d + i);
}

typedef int32_t start_ints __attribute__((vector_size(VECTOR)));

// start_around_32 returns PG_BIAS_BITS - 32 S for a start of PG_BIAS_BITS - 128 S.
PG_DOT static inline vi start_around_32(const float *start) {
	return (vi)(PG_BIAS_BITS - ((PG_BIAS_BITS - (start_ints)iset(start)) >> 2));
}

// start_of_words returns -128 S for the same start.
PG_DOT static inline vi start_of_words(const float *start) { return (vi)((start_ints)iset(start) - PG_BIAS_BITS); }

// with_half adds a sum of 16 columns, times its scale, to the other half's.
PG_DOT static inline vf with_half(const int form, const int h, vi s, vf d, vf part) {
	vf sum = form == PG_INT8 ? vsub(ifloat(s), vset(PG_BIAS)) : iconvert(s);
	return h == 0 ? vmul(sum, d) : vfma(sum, d, part);
}

// with_block adds a sum of 32 columns, times the scales of weights and of
// activations, to y.
PG_DOT static inline vf with_block(const int form, vi s, vf d, vf xd, vf bias, vf y) {
	vf sum = form == PG_INT8 ? vfma(ifloat(s), xd, bias) : vmul(iconvert(s), xd);
	return vfma(sum, d, y);
}

// block adds the products of 32 columns of 2 vectors of rows, from vector v on, to
// y.
PG_DOT static inline void block(const int form, const int plane, const int halves, const int columns,
	const pg_tile *t, const uint8_t *w, const uint8_t *act, const void *d, const float *m,
	const int v, vf y[2][PG_MAX_COLUMNS]) {
	vi s[2][PG_MAX_COLUMNS];
	vf part[2][PG_MAX_COLUMNS];
	UNROLL for (int h = 0; h < 1 + halves; h++) {
		UNROLL for (int c = 0; c < columns; c++) {
			vi start = izero();
			if (around_128(form, plane, columns))
				start = start_of_words(field(form, act, columns, c, PG_ACT_START));
			else if (form == PG_INT8 && plane == UNPACKED6)
				start = start_around_32(field(form, act, columns, c, PG_ACT_START0 + h));
			else if (form == PG_INT8)
				start = istart(field(form, act, columns, c, halves ? PG_ACT_START0 + h : PG_ACT_START), t->f);
			s[0][c] = s[1][c] = start;
		}
		if (halves)
			integers(form, plane, columns, w, act, v, 4 * h, 4, s);
		else
			integers(form, plane, columns, w, act, v, 0, 8, s);
		if (halves) {
			UNROLL for (int i = 0; i < 2; i++) {
				vf wd = scale(plane, d, h * PG_PANEL + (v + i) * LANES);
				UNROLL for (int c = 0; c < columns; c++)
					part[i][c] = with_half(form, h, s[i][c], wd, part[i][c]);
			}
		}
	}
	UNROLL for (int c = 0; c < columns; c++) {
		vf xd = vset(*field(form, act, columns, c, PG_ACT_D)), bias = vset(*field(form, act, columns, c, PG_ACT_BIAS));
		UNROLL for (int i = 0; i < 2; i++) {
			if (halves) {
				y[i][c] = vfma(part[i][c], xd, y[i][c]);
				continue;
			}
			y[i][c] = with_block(form, s[i][c], scale(plane, d, (v + i) * LANES), xd, bias, y[i][c]);
		}
	}
	if (!plain(plane) && t->f->mins) {
		UNROLL for (int h = 0; h < 1 + halves; h++) {
			UNROLL for (int i = 0; i < 2; i++) {
				vf min = vload(m + h * PG_PANEL + (v + i) * LANES);
				UNROLL for (int c = 0; c < columns; c++)
					y[i][c] = vfma(min, vset(*field(form, act, columns, c, halves ? PG_ACT_SUM0 + h : PG_ACT_SUM)), y[i][c]);
			}
		}
	}
}

// sums loads the sums y of a tile from acc, or stores them there.
PG_DOT static inline void sums(const int load, const int columns, const int v, float *acc, vf y[2][PG_MAX_COLUMNS]) {
	UNROLL for (int c = 0; c < columns; c++) {
		UNROLL for (int i = 0; i < 2; i++) {
			if (load)
				y[i][c] = vload(acc + c * PG_PANEL + (v + i) * LANES);
			else
				vstore(acc + c * PG_PANEL + (v + i) * LANES, y[i][c]);
		}
	}
}

// blocks computes a tile, or a stream if plane is one of packed weights.
PG_DOT static inline void blocks(const int form, const int plane, const int halves, const int columns, const pg_tile *t) {
	const uint8_t *w = t->w, *act = t->act;
	const uint8_t *ahead = t->next;
	size_t step = t->w_step, head = 0;
	int each = t->f->block / 32, left = each;
	if (plane >= 0) {
		head = (size_t)t->f->head_bytes;
		step = (size_t)t->f->plane_bytes;
		w += head;
	}
	clear(t, columns);
	size_t record = (size_t)(pg_unit(form, t->halves) * columns);
	vf y[2][PG_MAX_COLUMNS];
	if (SUMS)
		sums(1, columns, 0, t->acc, y);
	for (int b = 0; b < t->blocks; b++) {
		int at = plane < 0 ? b : each - left; // of the scales
		if (plane >= 0 && !plain(plane) && at == 0)
			heads(t->f, w - head, 0, each, t->chunk);
		if (plane >= 0) {
			const uint8_t *from = at == 0 ? w - head : w;
			for (; from < w + step; from += 64)
				__builtin_prefetch(from + PG_AHEAD, 0, 2);
		}
		for (int i = 0; plane < 0 && i < t->lines; i++, ahead += 64)
			__builtin_prefetch(ahead, 0, 2); // needed only after the other tiles
		ONCE for (int v = 0; v < VECTORS; v += 2) {
			if (!SUMS)
				sums(1, columns, v, t->acc, y);
			block(form, plane, halves, columns, t, w, act, plain(plane) ? (const void *)(w - head) : t->chunk->d[at][0], t->chunk->m[at][0], v, y);
			if (!SUMS)
				sums(0, columns, v, t->acc, y);
		}
		act += record;
		w += step;
		if (plane >= 0 && --left == 0) {
			left = each;
			w += head;
		}
	}
	if (SUMS)
		sums(0, columns, 0, t->acc, y);
}

// A function for each kind of tile and number of columns, and one for each stream.
#define TILE(name, form, plane, halves, columns) \
	PG_KERNEL static void name##_##columns(const pg_tile *t) { blocks(form, plane, halves, columns, t); }
#define TILES(name, ...) \
	TILE(name, __VA_ARGS__, 1) \
	TILE(name, __VA_ARGS__, 2) \
	TILE(name, __VA_ARGS__, 3) \
	TILE(name, __VA_ARGS__, 4) \
	TILE(name, __VA_ARGS__, 5) \
	TILE(name, __VA_ARGS__, 6)

TILES(int8, PG_INT8, UNPACKED, 0)
TILES(int8_halves, PG_INT8, UNPACKED, 1)
#if NARROW
TILES(int4, PG_INT8, UNPACKED4, 0)
#endif
TILES(int16, PG_INT16, UNPACKED, 0)
TILES(int16_halves, PG_INT16, UNPACKED, 1)

#endif
