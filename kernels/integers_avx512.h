// Integer operations of AVX-512 for products. integers_avx2.h says what the
// functions do.
#ifndef PG_INTEGERS_AVX512_H
#define PG_INTEGERS_AVX512_H

#include "pack.h"
#include "vector_avx512.h"
#include <string.h>

typedef uint16_t v16 __attribute__((vector_size(64)));

PG_DOT static inline vi izero(void) { return _mm512_setzero_si512(); }
PG_DOT static inline vi iload(const void *p) { return _mm512_loadu_si512(p); }
PG_DOT static inline void istore(void *p, vi a) { _mm512_storeu_si512(p, a); }
PG_DOT static inline vi iset(const void *p) {
	int32_t i;
	memcpy(&i, p, sizeof i);
	return _mm512_set1_epi32(i);
}
PG_DOT static inline vi ibytes(int8_t a) { return _mm512_set1_epi8(a); }
PG_DOT static inline vi iwords(int16_t a) { return _mm512_set1_epi16(a); }
PG_DOT static inline vi iand(vi a, vi b) { return _mm512_and_si512(a, b); }
PG_DOT static inline vi ior(vi a, vi b) { return _mm512_or_si512(a, b); }
PG_DOT static inline vi iadd8(vi a, vi b) { return _mm512_add_epi8(a, b); }
PG_DOT static inline vi isub16(vi a, vi b) { return _mm512_sub_epi16(a, b); }
PG_DOT static inline vf ifloat(vi a) { return _mm512_castsi512_ps(a); }
PG_DOT static inline vf iconvert(vi a) { return _mm512_cvtepi32_ps(a); }

// ishift shifts 16-bit elements by n bits to the left, or by -n to the right.
PG_DOT static inline vi ishift(vi a, const int n) {
	if (n == 0)
		return a;
	return n > 0 ? (vi)((v16)a << n) : (vi)((v16)a >> -n);
}

// ilookup returns values of the codebook, around 128.
PG_DOT static inline vi ilookup(vi i) {
	__m128i book = _mm_xor_si128(_mm_loadu_si128((const __m128i *)pg_codebook), _mm_set1_epi8(-128));
	return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(book), i);
}

// iwiden zero-extends bytes 2 pair and 2 pair + 1 of every four.
PG_DOT static inline vi iwiden(vi a, const int pair) {
	const __m128i from = _mm_setr_epi32((int)0x80018000, (int)0x80058004, (int)0x80098008, (int)0x800d800c);
	return _mm512_shuffle_epi8(a, _mm512_broadcast_i32x4(_mm_add_epi8(from, _mm_set1_epi32(pair * 0x00020002))));
}

PG_DOT static inline vi ijoin(vi a, vi b, const int n) {
	return _mm512_mask_mov_epi16(_mm512_slli_epi32(b, (unsigned)(16 - n)), 0x55555555, n ? _mm512_srai_epi32(a, (unsigned)n) : a);
}
PG_DOT static inline vi imulhrs(vi a, vi b) { return _mm512_mulhrs_epi16(a, b); }
PG_DOT static inline vi iround(vf a) { return _mm512_cvtps_epi32(a); }

PG_DOT static inline vf iint8(const uint8_t *p) {
	return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
PG_DOT static inline vf inibble(const uint8_t *p, const int from) {
	vi a = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
	return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(a, (unsigned)from), _mm512_set1_epi32(15)));
}
PG_DOT static inline void ihalves(vi a, vf to[2]) {
	const vi order = _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1,
		30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
	a = _mm512_permutexvar_epi16(order, a);
	to[0] = _mm512_cvtph_ps(_mm512_castsi512_si256(a));
	to[1] = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(a, 1));
}
PG_DOT static inline void ipieces(const uint8_t *p, size_t step, vi to[4]) {
	vi a[4], b[4];
	PG_ANEW(p);
	PG_UNROLL for (int i = 0; i < 4; i++, p += step) {
		a[i] = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)p));
		a[i] = _mm512_inserti32x4(a[i], _mm_loadu_si128((const __m128i *)(p + 4 * step)), 1);
		a[i] = _mm512_inserti32x4(a[i], _mm_loadu_si128((const __m128i *)(p + 8 * step)), 2);
		a[i] = _mm512_inserti32x4(a[i], _mm_loadu_si128((const __m128i *)(p + 12 * step)), 3);
	}
	PG_UNROLL for (int i = 0; i < 4; i += 2) {
		b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
		b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
	}
	PG_UNROLL for (int i = 0; i < 2; i++) {
		to[2 * i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
		to[2 * i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
	}
}
PG_DOT static inline vf ibfloat(const uint16_t *p) {
	return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
PG_DOT static inline vf ibhalf(vi a, const int second) {
	return _mm512_castsi512_ps(second ? _mm512_and_si512(a, _mm512_set1_epi32((int)0xffff0000)) : _mm512_slli_epi32(a, 16));
}

#endif
