// Products for processors with AVX2, FMA and F16C.
//
// vpmaddubsw adds two products of bytes in 16 bits. As it saturates, only
// quants of up to 6 bits are multiplied as bytes, in their own range; quants of
// 8 bits and their activations are multiplied as 16-bit numbers.
#ifdef __x86_64__
#include "vector_avx2.h"

#define PG_KERNEL __attribute__((target("avx2,fma,f16c")))
#define PG_DOT PG_KERNEL __attribute__((always_inline, unused))
#define SUMS 0
#define NARROW 1
#define FIXED 1
#define STREAM_COLUMNS 6
#define STREAM_WIDTH(plane) ((plane) == PG_P8 || (plane) == PG_P4 ? 6 : ((plane) == PG_P4U || (plane) == PG_P5 || (plane) == PG_P5U ? 4 : 1))
#define ROW_COLUMNS 4
#define STREAM_FORM(plane) ((plane) == PG_P8 || (plane) == PG_P4C ? PG_INT16 : PG_INT8)

#include "integers_avx2.h"
#include "quants-inl.h"

// Left alone, compilers delay additions until they run out of registers.
#define PIN(sum) __asm__("" : "+v"(sum))

PG_DOT static inline vi idot16(vi s, vi w, vi x) {
	s = _mm256_add_epi32(s, _mm256_madd_epi16(w, x));
	PIN(s);
	return s;
}

// istart returns PG_BIAS_BITS - less S for a start of PG_BIAS_BITS - 128 S. It shifts
// 128 S to the right, so less must be a power of two, or 0.
PG_DOT static inline vi istart(const float *start, const pg_format *f) {
#define POWER(name, bits, less, halves, plain) _Static_assert(((less) & ((less) - 1)) == 0, "less is no power of two");
	PG_PLANE_LIST(POWER)
#undef POWER
#define SHIFT(name, bits, less, halves, plain) [PG_##name] = (less) ? 7 - __builtin_ctz(less) : 0,
	static const int8_t shifts[PG_PLANES] = {PG_PLANE_LIST(SHIFT)};
#undef SHIFT
	const vi bias = _mm256_set1_epi32(PG_BIAS_BITS);
	int shift = shifts[f->planes];
	vi sum = _mm256_and_si256(_mm256_sub_epi32(bias, iset(start)), _mm256_set1_epi32(-(shift > 0)));
	return _mm256_sub_epi32(bias, _mm256_sra_epi32(sum, _mm_cvtsi32_si128(shift)));
}

// pairs adds products in 16 bits to p, two sums for each row. Unless begun it sets
// p first.
PG_DOT static inline void pairs(const int begun, const int plane, const int columns, const uint8_t *w, const uint8_t *act,
	const int v, const int g0, const int groups, vi p[2][PG_MAX_COLUMNS]) {
	UNROLL for (int g = g0; g < g0 + groups; g++) {
		vi w0 = bytes(plane, w, g, v), w1 = bytes(plane, w, g, v + 1);
		UNROLL for (int c = 0; c < columns; c++) {
			vi x = iset(act + c * 32 + g * 4);
			vi p0 = _mm256_maddubs_epi16(w0, x), p1 = _mm256_maddubs_epi16(w1, x);
			p[0][c] = g == g0 && !begun ? p0 : _mm256_add_epi16(p[0][c], p0);
			p[1][c] = g == g0 && !begun ? p1 : _mm256_add_epi16(p[1][c], p1);
			PIN(p[0][c]);
			PIN(p[1][c]);
		}
	}
}

// integers8 sums in 16 bits as long as they suffice: two groups of quants of 6
// bits, as 2 2 63 127 < 2^15, four of 5 bits, eight of 4 bits.
PG_DOT static inline void integers8(const int plane, const int columns, const uint8_t *w, const uint8_t *act,
	const int v, const int g0, const int groups, vi s[2][PG_MAX_COLUMNS]) {
	const int fit = plane == UNPACKED4 || plane == PG_P4 || plane == PG_P4U ? groups : groups / 2;
	UNROLL for (int part = g0; part < g0 + groups; part += fit) {
		vi p[2][PG_MAX_COLUMNS];
		pairs(0, plane, columns, w, act, v, part, fit, p);
		UNROLL for (int c = 0; c < columns; c++) {
			s[0][c] = iadd32(s[0][c], _mm256_madd_epi16(p[0][c], iwords(1)));
			s[1][c] = iadd32(s[1][c], _mm256_madd_epi16(p[1][c], iwords(1)));
		}
	}
}

// short_sums sums the products of one block in 16 bits, two sums for each row.
PG_DOT static inline void short_sums(const int shift, const int columns, const uint8_t *w, size_t w_step, const uint8_t *act,
	size_t x_step, const int v, vi s[2][PG_MAX_COLUMNS]) {
	(void)shift, (void)w_step, (void)x_step;
	UNROLL for (int c = 0; c < columns; c++)
		s[0][c] = s[1][c] = iset(field(PG_FIXED, act, columns, c, PG_FIXED_START));
	pairs(1, UNPACKED4, columns, w, act, v, 0, 8, s);
}

#define ROW_BYTES(u, s) _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), iwords(1))
#define ROW_SUMS // see row_sums_avx2.h

#define PG_LEVEL pg_avx2
#define PG_COLUMNS {[PG_INT8] = 4, [PG_INT16] = 6, [PG_FIXED] = 6, [PG_FLOAT] = 6}
#include "level-inl.h"
#endif
