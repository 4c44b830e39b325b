// Functions of vectors that AVX2 and AVX-512 share. Their vector_<set>.h include
// this at the end.
#ifndef PG_VECTOR_X86_H
#define PG_VECTOR_X86_H

typedef __m128i bytes16;
PG_INLINE bytes16 load16(const void *p) { return _mm_loadu_si128(p); }
PG_INLINE void store16(void *p, bytes16 a) { _mm_storeu_si128(p, a); }

// zip16 interleaves the bytes of a and b.
PG_INLINE void zip16(bytes16 a, bytes16 b, bytes16 to[2]) {
	to[0] = _mm_unpacklo_epi8(a, b);
	to[1] = _mm_unpackhi_epi8(a, b);
}

// transpose8 sets to[i][j] = from[j][i] for i, j < 8.
PG_INLINE void transpose8(const float *const from[8], float *const to[8]) {
	__m256 a[8], b[8];
	PG_UNROLL for (int i = 0; i < 4; i++) { // halves of rows i and i+4 side by side
		a[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from[i])), _mm_loadu_ps(from[i + 4]), 1);
		a[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from[i] + 4)), _mm_loadu_ps(from[i + 4] + 4), 1);
	}
	PG_UNROLL for (int i = 0; i < 8; i += 4) {
		b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
		b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
		b[i + 2] = _mm256_unpacklo_ps(a[i + 2], a[i + 3]);
		b[i + 3] = _mm256_unpackhi_ps(a[i + 2], a[i + 3]);
	}
	PG_UNROLL for (int i = 0; i < 8; i += 4) {
		_mm256_storeu_ps(to[i], _mm256_shuffle_ps(b[i], b[i + 2], 0x44));
		_mm256_storeu_ps(to[i + 1], _mm256_shuffle_ps(b[i], b[i + 2], 0xee));
		_mm256_storeu_ps(to[i + 2], _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44));
		_mm256_storeu_ps(to[i + 3], _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee));
	}
}

// vsum4 stores the sum of the lanes of each of four vectors.
PG_INLINE void vsum4(vf a, vf b, vf c, vf d, float sum[4]) {
	__m256 s = _mm256_hadd_ps(_mm256_hadd_ps(fold(a), fold(b)), _mm256_hadd_ps(fold(c), fold(d)));
	_mm_storeu_ps(sum, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}

#endif
