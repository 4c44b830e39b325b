// Integer operations of AVX2 for products, which the levels with and without VNNI
// share. vi holds integers of 8, 16 or 32 bits.
#ifndef PG_INTEGERS_AVX2_H
#define PG_INTEGERS_AVX2_H

#include "pack.h"
#include "vector_avx2.h"
#include <string.h>

typedef uint16_t v16 __attribute__((vector_size(32)));

PG_DOT static inline vi izero(void) { return _mm256_setzero_si256(); }
PG_DOT static inline vi iload(const void *p) { return _mm256_loadu_si256((const vi *)p); }
PG_DOT static inline void istore(void *p, vi a) { _mm256_storeu_si256((vi *)p, a); }
PG_DOT static inline vi iset(const void *p) {
	int32_t i;
	memcpy(&i, p, sizeof i);
	return _mm256_set1_epi32(i);
}
PG_DOT static inline vi ibytes(int8_t a) { return _mm256_set1_epi8(a); }
PG_DOT static inline vi iwords(int16_t a) { return _mm256_set1_epi16(a); }
PG_DOT static inline vi iand(vi a, vi b) { return _mm256_and_si256(a, b); }
PG_DOT static inline vi ior(vi a, vi b) { return _mm256_or_si256(a, b); }
PG_DOT static inline vi iadd8(vi a, vi b) { return _mm256_add_epi8(a, b); }
PG_DOT static inline vi iadd32(vi a, vi b) { return _mm256_add_epi32(a, b); }
PG_DOT static inline vi isub16(vi a, vi b) { return _mm256_sub_epi16(a, b); }
PG_DOT static inline vf ifloat(vi a) { return _mm256_castsi256_ps(a); }
PG_DOT static inline vf iconvert(vi a) { return _mm256_cvtepi32_ps(a); }

// ishift shifts 16-bit elements by n bits to the left, or by -n to the right.
PG_DOT static inline vi ishift(vi a, const int n) {
	if (n == 0)
		return a;
	return n > 0 ? (vi)((v16)a << n) : (vi)((v16)a >> -n);
}

// ilookup returns values of the codebook, around 128.
PG_DOT static inline vi ilookup(vi i) {
	__m128i book = _mm_xor_si128(_mm_loadu_si128((const __m128i *)pg_codebook), _mm_set1_epi8(-128));
	return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(book), i);
}

// iwiden zero-extends bytes 2 pair and 2 pair + 1 of every four.
PG_DOT static inline vi iwiden(vi a, const int pair) {
	const vi from = _mm256_setr_epi32((int)0x80018000, (int)0x80058004, (int)0x80098008, (int)0x800d800c,
		(int)0x80018000, (int)0x80058004, (int)0x80098008, (int)0x800d800c);
	return _mm256_shuffle_epi8(a, _mm256_add_epi8(from, _mm256_set1_epi32(pair * 0x00020002)));
}

// For tiles whose scales are integers: see fixed_tile-inl.h.
PG_DOT static inline vi ijoin(vi a, vi b, const int n) {
	return _mm256_blend_epi16(n ? _mm256_srai_epi32(a, n) : a, _mm256_slli_epi32(b, 16 - n), 0xaa);
}
PG_DOT static inline vi imulhrs(vi a, vi b) { return _mm256_mulhrs_epi16(a, b); }
PG_DOT static inline vi iround(vf a) { return _mm256_cvtps_epi32(a); }

// ihalves converts the float16 in the low and in the high half of each 32 bits.
PG_DOT static inline void ihalves(vi a, vf to[2]) {
	const vi order = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15,
		0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
	a = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(a, order), 0xd8);
	to[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(a));
	to[1] = _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1));
}

// ipieces reads 16 bytes of each of LANES rows, step apart: four bytes of every row
// to each vector.
PG_DOT static inline void ipieces(const uint8_t *p, size_t step, vi to[4]) {
	vi a[4], b[4];
	PG_ANEW(p);
	PG_UNROLL for (int i = 0; i < 4; i++, p += step) {
		a[i] = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p));
		a[i] = _mm256_inserti128_si256(a[i], _mm_loadu_si128((const __m128i *)(p + 4 * step)), 1);
	}
	PG_UNROLL for (int i = 0; i < 4; i += 2) {
		b[i] = _mm256_unpacklo_epi32(a[i], a[i + 1]);
		b[i + 1] = _mm256_unpackhi_epi32(a[i], a[i + 1]);
	}
	PG_UNROLL for (int i = 0; i < 2; i++) {
		to[2 * i] = _mm256_unpacklo_epi64(b[i], b[i + 2]);
		to[2 * i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 2]);
	}
}

// iint8, inibble and ibfloat convert signed bytes, 4 bits of bytes, and bfloat16;
// ibhalf converts the first or the second bfloat16 of each pair.
PG_DOT static inline vf iint8(const uint8_t *p) {
	return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
PG_DOT static inline vf inibble(const uint8_t *p, const int from) {
	vi a = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
	return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(a, from), _mm256_set1_epi32(15)));
}
PG_DOT static inline vf ibfloat(const uint16_t *p) {
	return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
PG_DOT static inline vf ibhalf(vi a, const int second) {
	return _mm256_castsi256_ps(second ? _mm256_and_si256(a, _mm256_set1_epi32((int)0xffff0000)) : _mm256_slli_epi32(a, 16));
}

#endif
