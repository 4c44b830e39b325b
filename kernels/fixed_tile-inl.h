// Tiles whose scales are integers.
//
// With scales in floating point a fifth of a tile's instructions multiply sums
// of 32 products by two scales. Here the scales of a chunk are numbers of 16
// bits,
//
//	w    of weights: multiples of a unit; the largest of a row is 32767
//	x    of activations: multiples of a unit; each is below 2^15, the sum over a
//	     column below 65000
//
// so that y = sum s p / 2^15 for p = w x / 2^15, rounded. One instruction makes p
// of two blocks, another multiplies and adds two sums. Sums are shifted to 16 bits
// and stay within 32512, so |y| < 2^31. Rounding p and s adds little to the error
// of rounded activations, as
// TestProductIsAsAccurateAsGGML shows.
//
// A level that has such tiles defines
//
//	FIXED            how many blocks' sums a vector holds: 2, or 1 if it holds
//	                 two sums of each block
//	ijoin(a, b, n)   a >> n in the low halves of 32 bits, b >> n in the high ones
//	imulhrs(a, b)    products of 16 bits / 2^15, rounded
//	iround(a)        the nearest integers
//	short_sums       if FIXED is 1: see below
#ifndef PG_FIXED_TILE_INL_H
#define PG_FIXED_TILE_INL_H

#include "product_tile-inl.h"

// fixed_shift returns the bits that sums are shifted by, -1 for formats without
// such tiles.
static inline int fixed_shift(const pg_format *f) {
	if (FIXED && f->planes == PG_P4)
		return 0;
	return FIXED == 2 && (f->planes == PG_P8 || f->planes == PG_P4C) ? 4 : -1;
}

#if FIXED
// fixed_scales makes integers of the scales of a chunk. If a scale of a row is not
// finite, the unit of the row is not, either.
PG_KERNEL static void fixed_scales(const pg_tile *t) {
	pg_chunk *chunk = t->chunk;
	for (int i = 0; i < PG_PANEL; i += LANES) {
		vf top = vset(PG_LEAST), bad = vset(0);
		for (int b = 0; b < t->blocks; b++) {
			vf d = vload(chunk->d[b][0] + i);
			top = vmax(vabs(d), top);
			bad = vadd(bad, vsub(d, d));
		}
		vf inverse = vdiv(vset(32767), top);
		vstore(chunk->unit + i, vadd(vmul(top, vset(32768 / 32767.0f)), bad));
		for (int b = 0; b < t->blocks; b += FIXED) {
			vi d = iround(vmul(vload(chunk->d[b][0] + i), inverse)), next = d;
			if (FIXED == 2) // the last block may have no next
				next = b + 1 < t->blocks ? iround(vmul(vload(chunk->d[b + 1][0] + i), inverse)) : izero();
			istore(chunk->fixed[b / FIXED] + i, ijoin(d, next, 0));
		}
	}
}

// fixed_unpack is unpack for all forms of a level with such tiles.
PG_KERNEL static void fixed_unpack(pg_tile *t, const uint8_t *records) {
	unpack(t, records);
	if (t->form == PG_FIXED)
		fixed_scales(t);
}

#if FIXED == 2
// short_sums sums the products of FIXED blocks, w_step and x_step apart, in 16
// bits.
PG_DOT static inline void short_sums(const int shift, const int columns, const uint8_t *w, size_t w_step, const uint8_t *act,
	size_t x_step, const int v, vi s[2][PG_MAX_COLUMNS]) {
	vi first[2][PG_MAX_COLUMNS];
	UNROLL for (int b = 0; b < 2; b++, w += w_step, act += x_step) {
		UNROLL for (int c = 0; c < columns; c++)
			s[0][c] = s[1][c] = iset(field(PG_FIXED, act, columns, c, shift ? PG_FIXED_ROUNDED : PG_FIXED_START));
		integers(PG_INT8, UNPACKED, columns, w, act, v, 0, 8, s);
		UNROLL for (int c = 0; c < columns; c++) {
			UNROLL for (int i = 0; i < 2; i++) {
				if (b == 0)
					first[i][c] = s[i][c];
				else
					s[i][c] = ijoin(first[i][c], s[i][c], shift);
			}
		}
	}
}
#endif

// fixed_blocks computes a tile whose scales are integers.
PG_DOT static inline void fixed_blocks(const int shift, const int columns, const pg_tile *t) {
	const size_t record = (size_t)(pg_unit(PG_FIXED, 0) * columns);
	clear(t, columns);
	ONCE for (int v = 0; v < VECTORS; v += 2) {
		const uint8_t *w = t->w, *act = t->act, *ahead = t->next;
		vi y[2][PG_MAX_COLUMNS];
		UNROLL for (int c = 0; c < columns; c++)
			y[0][c] = y[1][c] = izero();
		for (int b = 0; b < t->blocks; b += FIXED, w += FIXED * t->w_step, act += FIXED * record) {
			for (int i = 0; v == 0 && i < FIXED * t->lines; i++, ahead += 64)
				__builtin_prefetch(ahead, 0, 2);
			for (size_t i = 0; v == 0 && i < FIXED * record; i += 64) // what the next tile reads
				__builtin_prefetch(act + (size_t)t->blocks * record + i);
			// The last of an odd number of blocks is read twice, with a scale of 0.
			size_t two = b + FIXED <= t->blocks;
			vi s[2][PG_MAX_COLUMNS];
			short_sums(shift, columns, w, two * t->w_step, act, two * record, v, s);
			UNROLL for (int c = 0; c < columns; c++) {
				vi x = iset(field(PG_FIXED, act, columns, c, PG_FIXED_SCALES));
				UNROLL for (int i = 0; i < 2; i++)
					y[i][c] = idot16(y[i][c], s[i][c], imulhrs(iload(t->chunk->fixed[b / FIXED] + (v + i) * LANES), x));
			}
		}
		UNROLL for (int c = 0; c < columns; c++) {
			vf unit = vset(*field(PG_FIXED, t->act, columns, c, PG_FIXED_UNIT) * (float)(1 << shift));
			UNROLL for (int i = 0; i < 2; i++) {
				float *acc = t->acc + c * PG_PANEL + (v + i) * LANES;
				vf d = vmul(vload(t->chunk->unit + (v + i) * LANES), unit);
				vstore(acc, vfma(iconvert(y[i][c]), d, vload(acc)));
			}
		}
	}
}

#define FIXED_TILE(name, shift, columns) \
	PG_KERNEL static void name##_##columns(const pg_tile *t) { fixed_blocks(shift, columns, t); }
#define FIXED_TILES(name, shift) \
	FIXED_TILE(name, shift, 1) \
	FIXED_TILE(name, shift, 2) \
	FIXED_TILE(name, shift, 3) \
	FIXED_TILE(name, shift, 4) \
	FIXED_TILE(name, shift, 5) \
	FIXED_TILE(name, shift, 6)
FIXED_TILES(fixed, 0)
#if FIXED == 2
FIXED_TILES(fixed_shifted, 4)
#endif

PG_KERNEL static void fixed_tile(const pg_tile *t) {
	static tile_function *const all[] = {NAMES(fixed)};
#if FIXED == 2
	static tile_function *const shifted[] = {NAMES(fixed_shifted)};
	if (fixed_shift(t->f) > 0) {
		shifted[t->columns - 1](t);
		return;
	}
#endif
	all[t->columns - 1](t);
}
#else
#define fixed_unpack unpack
#define fixed_tile NULL
#endif

#endif
