// Products for processors with AVX-VNNI: 256 bits.
#ifdef __x86_64__
#include "vector_avx2.h"

#define PG_KERNEL __attribute__((target("avx2,fma,f16c,avxvnni")))
#define PG_DOT PG_KERNEL __attribute__((always_inline, unused))
#define SUMS 0
#define NARROW 0
#define FIXED 2
#define STREAM_FORM(plane) PG_INT8

#include "integers_avx2.h"
#include "quants-inl.h"

PG_DOT static inline vi idot16(vi s, vi w, vi x) { return _mm256_dpwssd_avx_epi32(s, w, x); }
PG_DOT static inline vi istart(const float *start, const pg_format *f) {
	(void)f;
	return iset(start);
}

PG_DOT static inline void integers8(const int plane, const int columns, const uint8_t *w, const uint8_t *act,
	const int v, const int g0, const int groups, vi s[2][PG_MAX_COLUMNS]) {
	UNROLL for (int g = g0; g < g0 + groups; g++) {
		vi w0 = bytes(plane, w, g, v), w1 = bytes(plane, w, g, v + 1);
		UNROLL for (int c = 0; c < columns; c++) {
			vi x = iset(act + c * 32 + g * 4);
			s[0][c] = _mm256_dpbusd_avx_epi32(s[0][c], w0, x);
			s[1][c] = _mm256_dpbusd_avx_epi32(s[1][c], w1, x);
		}
	}
}

#define ROW_BYTES(u, s) _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), u, s)
#define ROW_SUMS // see row_sums_avx2.h

#define PG_LEVEL pg_avx_vnni
#define PG_COLUMNS {[PG_INT8] = 6, [PG_INT16] = 6, [PG_FIXED] = 6, [PG_FLOAT] = 6}
#include "level-inl.h"
#endif
