// Products for processors with AVX-512 and its VNNI, and with AVX512_BF16 or AMX:
// these two multiply bfloat16 by themselves, and all else alike.
#ifdef __x86_64__
#include "bfloat.h"
#include "vector_avx512.h"

#define PG_KERNEL __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")))
#define PG_DOT PG_KERNEL __attribute__((always_inline, unused))
#define SUMS 1
#define NARROW 0
#define FIXED 2
#define BFLOATS PG_BFLOATS
#define STREAM_COLUMNS 6
#define STREAM_FORM(plane) PG_INT8

#include "integers_avx512.h"
#include "quants-inl.h"

PG_DOT static inline vi idot16(vi s, vi w, vi x) { return _mm512_dpwssd_epi32(s, w, x); }
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
			s[0][c] = _mm512_dpbusd_epi32(s[0][c], w0, x);
			s[1][c] = _mm512_dpbusd_epi32(s[1][c], w1, x);
		}
	}
}

#define ROW_BYTES(u, s) _mm256_dpbusd_epi32(_mm256_setzero_si256(), u, s)

#define PG_LEVEL pg_avx512_vnni
#define PG_COLUMNS {[PG_INT8] = 6, [PG_INT16] = 6, [PG_FIXED] = 6, [PG_FLOAT] = 12}
#include "level-inl.h"

#if PG_BFLOATS
// Steps, whose products are uniform, keep their activations in float32: they take
// the time of reading weights anyway.
static int bfloat_form(const pg_format *f, int precise, int64_t n) {
	return f->type == PG_BF16 && !precise && n > 1 ? PG_BFLOAT : form(f, precise, n);
}

const pg_level pg_avx512_bf16 = {
	.columns = PG_COLUMNS,
	.columns[PG_BFLOAT] = 12,
	.form = bfloat_form,
	PG_FUNCTIONS,
	.tile[PG_BFLOAT] = pg_bfloat_tile,
};
#endif

#if PG_AMX
const pg_level pg_amx_bf16 = {
	.columns = PG_COLUMNS,
	.columns[PG_BFLOAT] = 32,
	.form = bfloat_form,
	PG_FUNCTIONS,
	.tile[PG_BFLOAT] = pg_amx_tile,
	.release = pg_amx_release,
};
#endif
#endif
