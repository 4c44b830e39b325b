// Products of bfloat16 with AVX512_BF16, and the rounding of activations to bfloat16.
#include "bfloat.h"

#if PG_BFLOATS
#include <immintrin.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__ // with which unrolled code takes hours to compile
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#define PG_KERNEL __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

enum { LANES = 16 };

PG_KERNEL void pg_bfloat_round(const float *x, int64_t x_stride, int columns, int rows, uint8_t *act) {
	for (int k = 0; k < rows; k += 32) {
		uint32_t first = rows - k >= 32 ? ~0u : (1u << (rows - k)) - 1;
		for (int c = 0; c < columns; c++, act += 64) {
			const float *from = x + c * x_stride + k;
			__m512 a = _mm512_maskz_loadu_ps((__mmask16)first, from);
			__m512 b = _mm512_maskz_loadu_ps((__mmask16)(first >> LANES), from + LANES);
			_mm512_storeu_si512(act, (__m512i)_mm512_cvtne2ps_pbh(b, a));
		}
	}
}

// bfloat_block computes a tile.
PG_KERNEL static inline __attribute__((always_inline)) void bfloat_block(const int columns, const pg_tile *t) {
	const uint8_t *w = t->w, *x = t->act, *ahead = t->next;
	__m512 y[2][PG_MAX_COLUMNS];
	UNROLL for (int c = 0; c < columns; c++)
		y[0][c] = y[1][c] = _mm512_setzero_ps();
	for (int b = 0; b < t->blocks; b++, x += columns * 64) {
		for (int i = 0; i < t->lines; i++, ahead += 64)
			__builtin_prefetch(ahead, 0, 2);
		for (int pair = 0; pair < 16; pair++, w += 4 * PG_PANEL) {
			__m512bh w0 = (__m512bh)_mm512_loadu_si512(w), w1 = (__m512bh)_mm512_loadu_si512(w + 64);
			UNROLL for (int c = 0; c < columns; c++) {
				int32_t both;
				memcpy(&both, x + c * 64 + pair * 4, sizeof both);
				__m512bh xc = (__m512bh)_mm512_set1_epi32(both);
				y[0][c] = _mm512_dpbf16_ps(y[0][c], w0, xc);
				y[1][c] = _mm512_dpbf16_ps(y[1][c], w1, xc);
			}
		}
	}
	UNROLL for (int c = 0; c < columns; c++) {
		for (int i = 0; i < 2; i++) {
			float *acc = t->acc + c * PG_PANEL + i * LANES;
			_mm512_storeu_ps(acc, t->first ? y[i][c] : _mm512_add_ps(_mm512_loadu_ps(acc), y[i][c]));
		}
	}
}

#define TILE(columns) \
	PG_KERNEL static void tile_##columns(const pg_tile *t) { bfloat_block(columns, t); }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
TILE(7)
TILE(8)
TILE(9)
TILE(10)
TILE(11)
TILE(12)

void pg_bfloat_tile(const pg_tile *t) {
	static void (*const all[])(const pg_tile *) = {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6,
		tile_7, tile_8, tile_9, tile_10, tile_11, tile_12};
	all[t->columns - 1](t);
}
#endif
