// Vectors of float32 for AVX-512 (F, BW, DQ, VL). vector_avx2.h says what the
// functions do.
#ifndef PG_VECTOR_AVX512_H
#define PG_VECTOR_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define PG_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define PG_INLINE PG_TARGET static inline __attribute__((always_inline, unused))
#define PG_UNROLL _Pragma("GCC unroll 8")

typedef __m512 vf;
typedef __m512i vi;
enum {
	LANES = 16,
	PANEL = 4, // vectors of a panel of rows: see attention_tile-inl.h
	ROWS = 6,  // rows of a block of accumulators
	DOTS = 4,  // rows of a block of dot products
};

PG_INLINE __mmask16 first(int64_t n) { return (__mmask16)((1u << n) - 1); }
PG_INLINE vf vset(float a) { return _mm512_set1_ps(a); }
PG_INLINE vf vload(const float *p) { return _mm512_loadu_ps(p); }
PG_INLINE void vstore(float *p, vf a) { _mm512_storeu_ps(p, a); }
PG_INLINE vf vload_n(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
PG_INLINE void vstore_n(float *p, vf a, int64_t n) { _mm512_mask_storeu_ps(p, first(n), a); }
PG_INLINE vf vload_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
PG_INLINE vf vload_half_n(const uint16_t *p, int64_t n) {
	return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p));
}
PG_INLINE void vstore_half(uint16_t *p, vf a) {
	_mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}
PG_INLINE void vstore_half_n(uint16_t *p, vf a, int64_t n) {
	_mm256_mask_storeu_epi16(p, first(n), _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}
PG_INLINE vf vadd(vf a, vf b) { return _mm512_add_ps(a, b); }
PG_INLINE vf vsub(vf a, vf b) { return _mm512_sub_ps(a, b); }
PG_INLINE vf vmul(vf a, vf b) { return _mm512_mul_ps(a, b); }
PG_INLINE vf vdiv(vf a, vf b) { return _mm512_div_ps(a, b); }
PG_INLINE vf vfma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
PG_INLINE vf vfms(vf a, vf b, vf c) { return _mm512_fmsub_ps(a, b, c); }
PG_INLINE vf vfnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
PG_INLINE vf vmax(vf a, vf b) { return _mm512_max_ps(a, b); }
PG_INLINE vf vmin(vf a, vf b) { return _mm512_min_ps(a, b); }
PG_INLINE vf vround(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
PG_INLINE vf vabs(vf a) { return _mm512_abs_ps(a); }
PG_INLINE vf vsign(vf a, vf sign) {
	return _mm512_or_ps(a, _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)));
}
PG_INLINE vf vscale2(vf a, vf n) { return _mm512_scalef_ps(a, n); }
PG_INLINE void vquarter(vf n, vf *sine, vf *cosine) {
	vi q = _mm512_cvtps_epi32(n), one = _mm512_set1_epi32(1), two = _mm512_set1_epi32(2);
	__mmask16 odd = _mm512_test_epi32_mask(q, one);
	vf s = _mm512_mask_mov_ps(*sine, odd, *cosine), c = _mm512_mask_mov_ps(*cosine, odd, *sine);
	vi next = _mm512_add_epi32(q, one);
	*sine = _mm512_xor_ps(s, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_and_si512(q, two), 30)));
	*cosine = _mm512_xor_ps(c, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_and_si512(next, two), 30)));
}
PG_INLINE vf vfinite_or_0(vf a) {
	__mmask16 low = _mm512_cmp_ps_mask(a, _mm512_set1_ps(-__builtin_inff()), _CMP_EQ_OQ);
	return _mm512_mask_mov_ps(a, low, _mm512_setzero_ps());
}
PG_INLINE void vload_bytes(const uint8_t *p, vi to[1]) {
	to[0] = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}
PG_INLINE void vstore_bytes(uint8_t *p, const vi from[1]) {
	_mm_storeu_si128((__m128i *)p, _mm512_cvtusepi32_epi8(_mm512_max_epi32(from[0], _mm512_setzero_si512())));
}
PG_INLINE float vsum(vf a) { return _mm512_reduce_add_ps(a); }
PG_INLINE float vtop(vf a) { return _mm512_reduce_max_ps(a); }
PG_INLINE __m256 fold(vf a) { return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)); }

#include "vector_x86.h"
#include "vector_math-inl.h"

#endif
