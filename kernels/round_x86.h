// Rounding of activations for x86-64, in any product_<level>.c; 256 bits are
// as fast as more. It needs
//
//	ROW_BYTES(u, s)   8 sums of 4 products of unsigned and signed bytes
//	FIXED             see fixed_tile-inl.h
#ifndef PG_ROUND_X86_H
#define PG_ROUND_X86_H

#include "tile-inl.h"

// round_bits returns the bits of 8 values without their signs.
PG_DOT static inline __m256i round_bits(const float *x) {
	return _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(x)), _mm256_set1_epi32(0x7fffffff));
}

// round_tops returns the bits of the largest of 32 values, 4 times.
PG_DOT static inline __m128i round_tops(const float *x, int64_t x_step) {
	__m256i top[4];
	UNROLL for (int i = 0; i < 4; i++, x += x_step)
		top[i] = _mm256_max_epi32(_mm256_max_epi32(round_bits(x), round_bits(x + 8)),
			_mm256_max_epi32(round_bits(x + 16), round_bits(x + 24)));
	__m256i a = _mm256_max_epi32(_mm256_unpacklo_epi32(top[0], top[1]), _mm256_unpackhi_epi32(top[0], top[1]));
	__m256i b = _mm256_max_epi32(_mm256_unpacklo_epi32(top[2], top[3]), _mm256_unpackhi_epi32(top[2], top[3]));
	a = _mm256_max_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
	return _mm_max_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
}

// round_block rounds 32 values and returns 8 sums, 4 of the first 16 values and 4 of
// the others.
PG_DOT static inline __m256i round_block(const int form, const float *x, float inverse, void *to) {
	__m256 scale = _mm256_set1_ps(inverse);
	__m256i q[4];
	UNROLL for (int i = 0; i < 4; i++)
		q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), scale));
	__m256i a = _mm256_packs_epi32(q[0], q[1]), b = _mm256_packs_epi32(q[2], q[3]);
	if (form != PG_INT16) {
		const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
		a = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b), order);
		_mm256_storeu_si256(to, a);
		return ROW_BYTES(_mm256_set1_epi8(1), a);
	}
	a = _mm256_permute4x64_epi64(a, 0xd8);
	b = _mm256_permute4x64_epi64(b, 0xd8);
	_mm256_storeu_si256(to, a);
	_mm256_storeu_si256((__m256i *)to + 1, b);
	a = _mm256_madd_epi16(a, _mm256_set1_epi16(1));
	b = _mm256_madd_epi16(b, _mm256_set1_epi16(1));
	return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

// round_fields stores four consecutive fields of each of 4 blocks.
PG_DOT static inline void round_fields(uint8_t *to, int64_t step, __m128 a, __m128 b, __m128 c, __m128 d) {
	_MM_TRANSPOSE4_PS(a, b, c, d);
	_mm_storeu_ps((float *)to, a);
	_mm_storeu_ps((float *)(to + step), b);
	_mm_storeu_ps((float *)(to + 2 * step), c);
	_mm_storeu_ps((float *)(to + 3 * step), d);
}

// round_scales finds the scales of 4 blocks, x_step apart, and their inverses.
PG_DOT static inline void round_scales(const int form, const float *x, int64_t x_step, float *to_d, float *to_inverse) {
	const __m128 most = _mm_set1_ps(form == PG_INT16 ? 32767 : 127);
	__m128 d = _mm_div_ps(_mm_castsi128_ps(round_tops(x, x_step)), most);
	__m128 zero = _mm_cmplt_ps(d, _mm_set1_ps(PG_LEAST));
	d = _mm_or_ps(d, _mm_cmpunord_ps(_mm_sub_ps(d, d), d)); // NaN if not finite
	d = _mm_andnot_ps(zero, _mm_and_ps(d, _mm_castsi128_ps(_mm_set1_epi32(~3))));
	_mm_storeu_ps(to_d, d);
	_mm_storeu_ps(to_inverse, _mm_andnot_ps(zero, _mm_div_ps(_mm_set1_ps(1), d)));
}

// A round_scale holds the scales of the blocks of a column: each 4 times if there
// are fewer than 4 blocks.
typedef struct {
	float d[4 * PG_CHUNK_BLOCKS], inverse[4 * PG_CHUNK_BLOCKS];
	int32_t fixed[4 * PG_CHUNK_BLOCKS]; // see fixed_tile-inl.h
	float unit;
} round_scale;

#if FIXED
// round_fixed makes integers of a column's scales, which lie each apart.
PG_DOT static inline void round_fixed(round_scale *s, int blocks, int each) {
	float d[PG_CHUNK_BLOCKS + 4] = {0};
	int32_t x[PG_CHUNK_BLOCKS + 4] = {0}; // with a 0 after the last
	for (int b = 0; b < blocks; b++)
		d[b] = s->d[b * each];
	__m128 top = _mm_set1_ps(PG_LEAST), sum = top;
	for (int b = 0; b < blocks; b += 4) {
		top = _mm_max_ps(_mm_loadu_ps(d + b), top);
		sum = _mm_add_ps(sum, _mm_loadu_ps(d + b)); // NaN if one is
	}
	top = _mm_max_ps(top, _mm_movehl_ps(top, top));
	top = _mm_max_ss(top, _mm_movehdup_ps(top));
	sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
	sum = _mm_add_ss(sum, _mm_movehdup_ps(sum));
	float steps = _mm_cvtss_f32(_mm_min_ss(_mm_div_ss(_mm_set_ss(32767), top), _mm_div_ss(_mm_set_ss(65000), sum)));
	s->unit = 1 / steps;
	for (int b = 0; b < blocks; b += 4)
		_mm_storeu_si128((__m128i *)(x + b), _mm_cvtps_epi32(_mm_mul_ps(_mm_loadu_ps(d + b), _mm_set1_ps(steps))));
	for (int b = 0; b < blocks; b += 4) {
		__m128i low = _mm_loadu_si128((const __m128i *)(x + b)), high = _mm_loadu_si128((const __m128i *)(x + b + (FIXED == 2)));
		low = _mm_blend_epi16(low, _mm_slli_epi32(high, 16), 0xaa);
		if (each == 1)
			_mm_storeu_si128((__m128i *)(s->fixed + b), low);
		else
			for (int i = 0; i < blocks; i++)
				_mm_storeu_si128((__m128i *)(s->fixed + i * each), _mm_set1_epi32(((const int32_t *)&low)[i]));
	}
}
#endif

// round_four writes 4 blocks, x_step apart, to records (see tile.h), with the
// scales from i on. From block to block the integers are act_step bytes apart, the
// fields step bytes.
PG_DOT static inline void round_four(const int form, int halves, const float *x, int64_t x_step, const round_scale *scale,
	int64_t i, int c, int columns, uint8_t *act, int64_t act_step, int64_t step) {
	const int bytes = form == PG_INT16 ? 64 : 32;
	uint8_t *to = act + c * bytes, *fields = act + columns * bytes + c * 4 * PG_FIELDS;
	__m256i s[4];
	UNROLL for (int j = 0; j < 4; j++)
		s[j] = round_block(form, x + j * x_step, scale->inverse[i + j], to + j * act_step);
	s[0] = _mm256_hadd_epi32(_mm256_hadd_epi32(s[0], s[1]), _mm256_hadd_epi32(s[2], s[3]));
	__m128i s0 = _mm256_castsi256_si128(s[0]), s1 = _mm256_extracti128_si256(s[0], 1), sum = _mm_add_epi32(s0, s1);
	if (form == PG_FIXED) { // weights are bytes around 128; if NARROW, 4 bits around 8
		__m128i start = _mm_sub_epi32(_mm_setzero_si128(), _mm_slli_epi32(sum, NARROW ? 3 : 7));
		if (FIXED == 1)
			start = _mm_and_si128(start, _mm_set1_epi32(0xffff)); // for the first of two sums
		round_fields(fields, step, _mm_castsi128_ps(_mm_loadu_si128((const __m128i *)(scale->fixed + i))),
			_mm_castsi128_ps(start), _mm_castsi128_ps(_mm_add_epi32(start, _mm_set1_epi32(8))), _mm_set1_ps(scale->unit));
		return;
	}
	const __m128i bias = _mm_set1_epi32(PG_BIAS_BITS);
	__m128 d = _mm_loadu_ps(scale->d + i);
	round_fields(fields, step, d, _mm_mul_ps(d, _mm_set1_ps(-PG_BIAS)),
		_mm_castsi128_ps(_mm_sub_epi32(bias, _mm_slli_epi32(sum, 7))), _mm_mul_ps(d, _mm_cvtepi32_ps(sum)));
	if (halves)
		round_fields(fields + columns * 4 * PG_FIELDS, step, _mm_castsi128_ps(_mm_sub_epi32(bias, _mm_slli_epi32(s0, 7))),
			_mm_castsi128_ps(_mm_sub_epi32(bias, _mm_slli_epi32(s1, 7))),
			_mm_mul_ps(d, _mm_cvtepi32_ps(s0)), _mm_mul_ps(d, _mm_cvtepi32_ps(s1)));
}

// round_columns finds all scales of a column before it rounds: neither loop then
// waits for results of the other.
PG_DOT static inline void round_columns(const int form, int halves, const float *x, int64_t x_stride, int columns, int blocks,
	uint8_t *act) {
	// Four blocks are rounded at a time, the last ones partly again. If there are
	// fewer than four, each is rounded four times.
	int64_t record = columns * pg_unit(form, halves), step = blocks < 4 ? 0 : 1, take = blocks < 4 ? 1 : 4, each = blocks < 4 ? 4 : 1;
	round_scale scale;
	for (int c = 0; c < columns; c++, x += x_stride) {
		for (int64_t b = 0; b < blocks; b += take) {
			int64_t at = b + take <= blocks ? b : blocks - take;
			for (int i = 0; i < 8; i++) // the next column
				__builtin_prefetch(x + x_stride + at * 32 + i * 16);
			round_scales(form, x + at * 32, 32 * step, scale.d + at * each, scale.inverse + at * each);
		}
#if FIXED
		if (form == PG_FIXED)
			round_fixed(&scale, blocks, (int)each);
#endif
		for (int64_t b = 0; b < blocks; b += take) {
			int64_t at = b + take <= blocks ? b : blocks - take;
			round_four(form, halves, x + at * 32, 32 * step, &scale, at * each, c, columns, act + at * record, step * record, step * record);
		}
	}
}

// round_block_columns rounds a block of each column, PG_PANEL apart: four columns
// at a time, as round_columns does with blocks. Scales of PG_FIXED remain floats.
PG_DOT static inline void round_block_columns(const int form, int halves, const float *x, int columns, uint8_t *record) {
	int64_t step = columns < 4 ? 0 : 1, take = columns < 4 ? 1 : 4, bytes = form == PG_INT16 ? 64 : 32;
	round_scale scale;
	for (int c = 0; c < columns; c += take) {
		int at = c + take <= columns ? c : columns - (int)take;
		round_scales(form, x + at * PG_PANEL, PG_PANEL * step, scale.d, scale.inverse);
		memcpy(scale.fixed, scale.d, 4 * sizeof *scale.d);
		scale.unit = 0;
		round_four(form, halves, x + at * PG_PANEL, PG_PANEL * step, &scale, 0, at, columns, record, bytes * step, 4 * PG_FIELDS * step);
	}
}

#if FIXED
// round_fixed_scales makes integers of the scales that round_block_columns left floats.
PG_KERNEL static void round_fixed_scales(int columns, int blocks, void *act) {
	const int64_t record = columns * pg_unit(PG_FIXED, 0);
	round_scale scale;
	for (int c = 0; c < columns; c++) {
		uint8_t *fields = (uint8_t *)act + columns * 32 + c * 4 * PG_FIELDS;
		for (int b = 0; b < blocks; b++)
			scale.d[b] = ((const float *)(fields + b * record))[PG_FIXED_SCALES];
		round_fixed(&scale, blocks, 1);
		for (int b = 0; b < blocks; b++) {
			((int32_t *)(fields + b * record))[PG_FIXED_SCALES] = scale.fixed[b];
			((float *)(fields + b * record))[PG_FIXED_UNIT] = scale.unit;
		}
	}
}
#else
#define round_fixed_scales NULL
#endif

#endif
