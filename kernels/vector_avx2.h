// Vectors of float32 for AVX2 with FMA and F16C. A vector_<set>.h and the files
// *-inl.h make the kernels of one instruction set. Each function names its
// instruction set itself, so that no compiler flag has to.
#ifndef PG_VECTOR_AVX2_H
#define PG_VECTOR_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define PG_TARGET __attribute__((target("avx2,fma,f16c")))
#define PG_INLINE PG_TARGET static inline __attribute__((always_inline, unused))
#define PG_UNROLL _Pragma("GCC unroll 8")

typedef __m256 vf;
typedef __m256i vi;
enum {
	LANES = 8,
	PANEL = 2, // vectors of a panel of rows: see attention_tile-inl.h
	ROWS = 6,  // rows of a block of accumulators
	DOTS = 2,  // rows of a block of dot products
};

PG_INLINE vf vset(float a) { return _mm256_set1_ps(a); }
PG_INLINE vf vload(const float *p) { return _mm256_loadu_ps(p); }
PG_INLINE void vstore(float *p, vf a) { _mm256_storeu_ps(p, a); }

// vload_n and vstore_n touch the first n < LANES elements in memory; vload_n sets
// the others to 0.
PG_INLINE vi first(int64_t n) {
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
PG_INLINE vf vload_n(const float *p, int64_t n) { return _mm256_maskload_ps(p, first(n)); }
PG_INLINE void vstore_n(float *p, vf a, int64_t n) { _mm256_maskstore_ps(p, first(n), a); }

// The _half functions convert from and to float16 in memory.
PG_INLINE vf vload_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
PG_INLINE vf vload_half_n(const uint16_t *p, int64_t n) {
	uint16_t half[LANES] = {0};
	for (int64_t i = 0; i < n; i++)
		half[i] = p[i];
	return vload_half(half);
}
PG_INLINE void vstore_half(uint16_t *p, vf a) {
	_mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}
PG_INLINE void vstore_half_n(uint16_t *p, vf a, int64_t n) {
	uint16_t half[LANES];
	vstore_half(half, a);
	for (int64_t i = 0; i < n; i++)
		p[i] = half[i];
}

PG_INLINE vf vadd(vf a, vf b) { return _mm256_add_ps(a, b); }
PG_INLINE vf vsub(vf a, vf b) { return _mm256_sub_ps(a, b); }
PG_INLINE vf vmul(vf a, vf b) { return _mm256_mul_ps(a, b); }
PG_INLINE vf vdiv(vf a, vf b) { return _mm256_div_ps(a, b); }
PG_INLINE vf vfma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }   // ab + c
PG_INLINE vf vfms(vf a, vf b, vf c) { return _mm256_fmsub_ps(a, b, c); }   // ab - c
PG_INLINE vf vfnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); } // c - ab

// vmax and vmin return b where a or b is NaN.
PG_INLINE vf vmax(vf a, vf b) { return _mm256_max_ps(a, b); }
PG_INLINE vf vmin(vf a, vf b) { return _mm256_min_ps(a, b); }

PG_INLINE vf vround(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
PG_INLINE vf vabs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }

// vsign gives a >= 0 the sign of another number.
PG_INLINE vf vsign(vf a, vf sign) {
	return _mm256_or_ps(a, _mm256_and_ps(sign, _mm256_set1_ps(-0.0f)));
}

// vscale2 returns a 2^n for whole n up to 127; 0 for n < -126.
PG_INLINE vf vscale2(vf a, vf n) {
	vi e = _mm256_cvtps_epi32(_mm256_max_ps(n, _mm256_set1_ps(-127)));
	return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23)));
}

// vquarter turns a sine and a cosine by n quarter circles.
PG_INLINE void vquarter(vf n, vf *sine, vf *cosine) {
	vi q = _mm256_cvtps_epi32(n);
	vf odd = _mm256_castsi256_ps(_mm256_slli_epi32(q, 31)); // in the sign bit
	vf s = _mm256_blendv_ps(*sine, *cosine, odd), c = _mm256_blendv_ps(*cosine, *sine, odd);
	vi two = _mm256_set1_epi32(2), next = _mm256_add_epi32(q, _mm256_set1_epi32(1));
	*sine = _mm256_xor_ps(s, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_and_si256(q, two), 30)));
	*cosine = _mm256_xor_ps(c, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_and_si256(next, two), 30)));
}

// vfinite_or_0 replaces -inf by 0.
PG_INLINE vf vfinite_or_0(vf a) {
	return _mm256_andnot_ps(_mm256_cmp_ps(a, _mm256_set1_ps(-__builtin_inff()), _CMP_EQ_OQ), a);
}

// vload_bytes loads 16 bytes as int32; vstore_bytes clips int32 to bytes.
PG_INLINE void vload_bytes(const uint8_t *p, vi to[2]) {
	to[0] = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
	to[1] = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8)));
}
PG_INLINE void vstore_bytes(uint8_t *p, const vi from[2]) {
	vi words = _mm256_permute4x64_epi64(_mm256_packs_epi32(from[0], from[1]), 0xd8);
	__m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
	_mm_storeu_si128((__m128i *)p, _mm_packus_epi16(low, high));
}

// vsum and vtop return the sum and the largest of all lanes; fold adds up lanes
// until 8 are left.
PG_INLINE __m256 fold(vf a) { return a; }
PG_INLINE float vsum(vf a) {
	__m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
PG_INLINE float vtop(vf a) {
	__m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
	s = _mm_max_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#include "vector_x86.h"
#include "vector_math-inl.h"

#endif
