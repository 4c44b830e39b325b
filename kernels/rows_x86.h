// Rows for 256-bit vectors, for any product_<level>.c that has defined
//
//	ROW_BYTES(u, s)   8 sums of 4 products of unsigned and signed bytes
//
// whose pairs of products are below 2^15, and ROW_512 if there are vectors of
// 512 bits. rows-inl.h lists the functions this file must define.
#ifndef PG_ROWS_X86_H
#define PG_ROWS_X86_H

#include "tile-inl.h"

typedef __m256 vr;

PG_DOT static inline vr row_zero(void) { return _mm256_setzero_ps(); }
PG_DOT static inline vr row_add(vr a, vr b) { return _mm256_add_ps(a, b); }
PG_DOT static inline float row_total(vr y) {
	__m128 s = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

PG_DOT static inline __m256 row_set(const uint16_t *half) {
	return _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(*half)));
}

// row_dot sums the products of signed bytes.
PG_DOT static inline __m256 row_dot(__m256i w, __m256i x) {
	return _mm256_cvtepi32_ps(ROW_BYTES(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)));
}

// row_nibbles puts the low halves of 16 bytes before the high halves.
PG_DOT static inline __m256i row_nibbles(const uint8_t *p) {
	__m128i a = _mm_loadu_si128((const __m128i *)p);
	__m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(a), _mm_srli_epi16(a, 4), 1);
	return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

PG_DOT static inline __m256i row_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

#ifdef ROW_512
// A row_256 holds 256 columns of activations as rows of Q6_K read them.
typedef struct {
	int8_t x[256];
	float d[4][16];   // for vectors of 64 columns: two scales, 8 times each
	int16_t sums[16]; // of 16 columns each
	float less[8];    // -32 d, for the 32 that is subtracted from quants
} row_256;

PG_DOT static inline void row_arrange_256(const uint8_t *records, row_256 *to) {
	for (int b = 0; b < 8; b++, records += PG_ROW_UNIT) {
		memcpy(to->x + b * 32, records, 32);
		for (int i = 0; i < 8; i++)
			to->d[b / 2][b % 2 * 8 + i] = pg_row_field(records, PG_ACT_D);
		to->less[b] = -32 * pg_row_field(records, PG_ACT_D);
		for (int half = 0; half < 2; half++) {
			int sum = 0;
			for (int i = 0; i < 16; i++)
				sum += to->x[b * 32 + half * 16 + i];
			to->sums[b * 2 + half] = (int16_t)sum;
		}
	}
}

// row_q6_k adds the products of 256 columns to y, 64 at a time. Products are added
// in pairs, in 16 bits, and then multiplied by the scales, one for each quarter of
// a vector.
PG_DOT static inline vr row_q6_k(const uint8_t *p, const uint8_t *act, vr y) {
	const row_256 *a = (const row_256 *)act;
	const __m512i to_bit4 = _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1);
	const __m512i from_bit4 = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
	const __m512i quarters = _mm512_inserti64x4(
		_mm512_castsi256_si512(_mm256_set_m128i(_mm_set1_epi16(1), _mm_setzero_si128())),
		_mm256_set_m128i(_mm_set1_epi16(3), _mm_set1_epi16(2)), 1);
	__m256i scales = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p + 192)));
	__m512 sums = _mm512_setzero_ps();
	UNROLL for (int b = 0; b < 8; b += 2) {
		__m512i low = _mm512_loadu_si512(p + b / 4 * 64);
		__m512i high = _mm512_broadcast_i64x4(row_load(p + 128 + b / 4 * 32));
		low = _mm512_and_si512(b % 4 ? _mm512_srli_epi16(low, 4) : low, _mm512_set1_epi8(15));
		high = b % 4 ? _mm512_srlv_epi16(high, from_bit4) : _mm512_sllv_epi16(high, to_bit4);
		__m512i w = _mm512_ternarylogic_epi32(low, high, _mm512_set1_epi8(0x30), 0xf8); // low | high & 0x30
		__m512i pairs = _mm512_maddubs_epi16(w, _mm512_loadu_si512(a->x + b * 32));
		__m512i scale = _mm512_permutexvar_epi16(_mm512_add_epi16(quarters, _mm512_set1_epi16((int16_t)(2 * b))), _mm512_castsi256_si512(scales));
		sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_madd_epi16(pairs, scale)), _mm512_loadu_ps(a->d[b / 2]), sums);
	}
	vr sum = _mm256_add_ps(_mm512_castps512_ps256(sums), _mm512_extractf32x8_ps(sums, 1));
	__m256i less = _mm256_madd_epi16(scales, row_load(a->sums));
	sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(less), _mm256_loadu_ps(a->less), sum);
	return _mm256_fmadd_ps(sum, row_set((const uint16_t *)(p + 208)), y);
}
#else
// row_q6_k adds the products of 256 columns to y. The products of quants less 32
// are added in pairs, in 16 bits, and then multiplied by the scales: the lower
// half of a vector by an even one, the upper half by the odd one after it.
PG_DOT static inline vr row_q6_k(const uint8_t *p, const uint8_t *act, vr y) {
	const __m128i halves = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
	__m256i scales = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 192)), halves));
	__m256 sums = _mm256_setzero_ps();
	UNROLL for (int b = 0; b < 8; b++, act += PG_ROW_UNIT) {
		__m256i low = row_load(p + b / 4 * 64 + b % 2 * 32), high = row_load(p + 128 + b / 4 * 32), x = row_load(act);
		low = _mm256_and_si256(_mm256_srli_epi16(low, b % 4 / 2 * 4), _mm256_set1_epi8(15));
		high = b % 4 < 3 ? _mm256_slli_epi16(high, 4 - b % 4 * 2) : _mm256_srli_epi16(high, 2);
		__m256i w = _mm256_or_si256(low, _mm256_and_si256(high, _mm256_set1_epi8(0x30)));
		__m256i pairs = _mm256_sub_epi16(_mm256_maddubs_epi16(w, x), _mm256_maddubs_epi16(_mm256_set1_epi8(32), x));
		__m256i scale = _mm256_shuffle_epi8(scales, _mm256_set1_epi16((int16_t)(0x0100 + 0x0202 * b)));
		__m256 sum = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, scale));
		sums = _mm256_fmadd_ps(sum, _mm256_set1_ps(pg_row_field(act, PG_ACT_D)), sums);
	}
	return _mm256_fmadd_ps(sums, row_set((const uint16_t *)(p + 208)), y);
}
#endif

// row_block adds the products of one block of a type to y.
PG_DOT static inline vr row_block(const int type, const uint8_t *p, const uint8_t *act, vr y) {
	const uint16_t *half = (const uint16_t *)p;
	if (type == PG_Q8_0 || type == PG_Q4_0) {
		__m256i w = type == PG_Q8_0 ? row_load(p + 2) : _mm256_sub_epi8(row_nibbles(p + 2), _mm256_set1_epi8(8));
		return _mm256_fmadd_ps(row_dot(w, row_load(act)), _mm256_mul_ps(row_set(half), _mm256_set1_ps(pg_row_field(act, PG_ACT_D))), y);
	}
	if (type == PG_Q6_K)
		return row_q6_k(p, act, y);
	// Q4_K
	__m256 d = row_set(half);
	float least = _mm256_cvtss_f32(row_set(half + 1)), mins = 0;
	const uint8_t *a = p + 4;
	UNROLL for (int b = 0; b < 8; b++, act += PG_ROW_UNIT) {
		int s = b < 4 ? a[b] & 63 : (a[b + 4] & 15) | a[b - 4] >> 6 << 4;
		int m = b < 4 ? a[b + 4] & 63 : a[b + 4] >> 4 | a[b] >> 6 << 4;
		__m256i w = _mm256_and_si256(_mm256_srli_epi16(row_load(p + 16 + b / 2 * 32), b % 2 * 4), _mm256_set1_epi8(15));
		__m256 sum = _mm256_cvtepi32_ps(ROW_BYTES(w, row_load(act)));
		y = _mm256_fmadd_ps(_mm256_mul_ps(sum, _mm256_set1_ps((float)s)), _mm256_mul_ps(d, _mm256_set1_ps(pg_row_field(act, PG_ACT_D))), y);
		mins += (float)m * pg_row_field(act, PG_ACT_SUM);
	}
	return _mm256_sub_ps(y, _mm256_castps128_ps256(_mm_set_ss(least * mins)));
}

#endif
