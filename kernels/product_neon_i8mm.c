// Products for arm64 processors with the matrix products of Armv8.6 (i8mm). An
// instruction multiplies 2 rows of weights by 2 columns, 8 values deep, so
// unpacked weights and activations lie in pairs. Streams of one column use dot
// products.
#include "level.h"

#if PG_ARM
#include "vector_neon.h"

#define PG_KERNEL __attribute__((target("arch=armv8.2-a+dotprod+i8mm")))
#define PG_DOT PG_KERNEL __attribute__((always_inline, unused))
#define PAIRS 1

#include "integers_neon.h"

// ipair puts 4 columns and the next 4 of two rows side by side: of rows 0 and 1
// of a vector, or of rows 2 and 3.
PG_DOT static inline vi ipair(vi a, vi b, const int rows) { return rows ? vzip2q_s32(a, b) : vzip1q_s32(a, b); }

// pairs is dots8 for weights and activations in pairs.
PG_DOT static inline void pairs(const int columns, const uint8_t *w, const uint8_t *act, const int v, const int g0,
	const int groups, vi s[2][PG_MAX_COLUMNS]) {
	vi p[2][2][PG_MAX_COLUMNS / 2]; // of 2 vectors, 2 pairs of rows, pairs of columns
	UNROLL for (int c = 0; c < columns; c += 2)
		p[0][0][c / 2] = p[0][1][c / 2] = p[1][0][c / 2] = p[1][1][c / 2] = s[0][0]; // all begin alike
	UNROLL for (int g = g0; g < g0 + groups; g += 2) {
		const uint8_t *from = w + g * LINES + v * VECTOR;
		int8x16_t w00 = ias8(iload(from)), w01 = ias8(iload(from + LINES));
		int8x16_t w10 = ias8(iload(from + VECTOR)), w11 = ias8(iload(from + LINES + VECTOR));
		UNROLL for (int c = 0; c < columns; c += 2) {
			const int8_t *at = (const int8_t *)act + c * 32;
			int8x16_t x;
			if (c + 1 < columns)
				x = vld1q_s8(at + g * 8);
			else // the last of an odd number twice
				x = vcombine_s8(vld1_s8(at + g * 4), vld1_s8(at + g * 4));
			p[0][0][c / 2] = vmmlaq_s32(p[0][0][c / 2], w00, x);
			p[0][1][c / 2] = vmmlaq_s32(p[0][1][c / 2], w01, x);
			p[1][0][c / 2] = vmmlaq_s32(p[1][0][c / 2], w10, x);
			p[1][1][c / 2] = vmmlaq_s32(p[1][1][c / 2], w11, x);
		}
	}
	UNROLL for (int c = 0; c < columns; c++) {
		UNROLL for (int i = 0; i < 2; i++) {
			vi a = p[i][0][c / 2], b = p[i][1][c / 2];
			s[i][c] = c % 2 ? vuzp2q_s32(a, b) : vuzp1q_s32(a, b);
		}
	}
}

PG_DOT static inline void integers8(const int plane, const int columns, const uint8_t *w, const uint8_t *act,
	const int v, const int g0, const int groups, vi s[2][PG_MAX_COLUMNS]) {
	if (plane == UNPACKED)
		pairs(columns, w, act, v, g0, groups, s);
	else
		dots8(plane, columns, w, act, v, g0, groups, s);
}

#define PG_LEVEL pg_neon_i8mm
#define PG_COLUMNS {[PG_INT8] = 6, [PG_INT16] = 6, [PG_FLOAT] = 10}
#include "level-inl.h"
#endif
