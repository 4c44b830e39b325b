// Rows in ggml's own layout times one column, for any product_<level>.c that
// has defined
//
//	ROW_BYTES(u, s)   8 sums of 4 products of unsigned and signed bytes
//
// whose pairs of products are below 2^15.

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

// The record of activations of 32 columns: see level.h.
enum { ROW_UNIT = 32 + 4 * PG_FIELDS };
PG_DOT static inline __m256 row_d(const uint8_t *act) { return _mm256_broadcast_ss((const float *)(act + 32)); }
PG_DOT static inline float row_sum(const uint8_t *act) { return ((const float *)(act + 32))[3]; }

// row_block adds 32 or 256 columns to y, 8 sums that are one in the end.
PG_DOT static inline __m256 row_block(const int type, const uint8_t *p, const uint8_t *act, __m256 y) {
	const uint16_t *half = (const uint16_t *)p;
	if (type == PG_Q8_0 || type == PG_Q4_0) {
		__m256i w = type == PG_Q8_0 ? row_load(p + 2) : _mm256_sub_epi8(row_nibbles(p + 2), _mm256_set1_epi8(8));
		return _mm256_fmadd_ps(row_dot(w, row_load(act)), _mm256_mul_ps(row_set(half), row_d(act)), y);
	}
	if (type == PG_Q6_K) {
		// The products of quants less 32 are added in pairs, in 16 bits, and then
		// multiplied by the scales, of which the upper half of a vector has the odd.
		const __m128i halves = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
		__m256i scales = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 192)), halves));
		__m256 sums = _mm256_setzero_ps();
		UNROLL for (int b = 0; b < 8; b++, act += ROW_UNIT) {
			__m256i low = row_load(p + b / 4 * 64 + b % 2 * 32), high = row_load(p + 128 + b / 4 * 32), x = row_load(act);
			low = _mm256_and_si256(_mm256_srli_epi16(low, b % 4 / 2 * 4), _mm256_set1_epi8(15));
			high = b % 4 < 3 ? _mm256_slli_epi16(high, 4 - b % 4 * 2) : _mm256_srli_epi16(high, 2);
			__m256i w = _mm256_or_si256(low, _mm256_and_si256(high, _mm256_set1_epi8(0x30)));
			__m256i pairs = _mm256_sub_epi16(_mm256_maddubs_epi16(w, x), _mm256_maddubs_epi16(_mm256_set1_epi8(32), x));
			__m256i scale = _mm256_shuffle_epi8(scales, _mm256_set1_epi16((int16_t)(0x0100 + 0x0202 * b)));
			sums = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, scale)), row_d(act), sums);
		}
		return _mm256_fmadd_ps(sums, row_set(half + 104), y);
	}
	// Q4_K
	__m256 d = row_set(half);
	float least = _mm256_cvtss_f32(row_set(half + 1)), mins = 0;
	const uint8_t *a = p + 4;
	UNROLL for (int b = 0; b < 8; b++, act += ROW_UNIT) {
		int s = b < 4 ? a[b] & 63 : (a[b + 4] & 15) | a[b - 4] >> 6 << 4;
		int m = b < 4 ? a[b + 4] & 63 : a[b + 4] >> 4 | a[b] >> 6 << 4;
		__m256i w = _mm256_and_si256(_mm256_srli_epi16(row_load(p + 16 + b / 2 * 32), b % 2 * 4), _mm256_set1_epi8(15));
		__m256 sum = _mm256_cvtepi32_ps(ROW_BYTES(w, row_load(act)));
		y = _mm256_fmadd_ps(_mm256_mul_ps(sum, _mm256_set1_ps((float)s)), _mm256_mul_ps(d, row_d(act)), y);
		mins += (float)m * row_sum(act);
	}
	return _mm256_sub_ps(y, _mm256_castps128_ps256(_mm_set_ss(least * mins)));
}

PG_DOT static inline float row_total(__m256 y) {
	__m128 s = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

PG_DOT static inline void row_quants(const int type, const int block, const int bytes, const pg_rows *op,
                                     const uint8_t *act, int64_t first, int64_t last) {
	const uint8_t *row = (const uint8_t *)op->rows + (size_t)first * op->row_bytes;
	int64_t blocks = op->k / block;
	for (int64_t i = first; i < last; i++, row += op->row_bytes) {
		const uint8_t *p = row, *x = act;
		__m256 y0 = _mm256_setzero_ps(), y1 = y0;
		int64_t b = 0;
		for (; b + 2 <= blocks; b += 2, p += 2 * bytes, x += 2 * block / 32 * ROW_UNIT) {
			for (int line = 0; line < 2 * bytes; line += 64)
				__builtin_prefetch(p + PG_AHEAD + line);
			y0 = row_block(type, p, x, y0);
			y1 = row_block(type, p + bytes, x + block / 32 * ROW_UNIT, y1);
		}
		if (b < blocks)
			y0 = row_block(type, p, x, y0);
		op->y[i - op->first] = row_total(_mm256_add_ps(y0, y1));
	}
}

PG_DOT static inline void row_floats(const int type, const int bytes, const pg_rows *op, int64_t first, int64_t last) {
	const uint8_t *row = (const uint8_t *)op->rows + (size_t)first * op->row_bytes;
	for (int64_t i = first; i < last; i++, row += op->row_bytes) {
		vf y[4] = {vset(0), vset(0), vset(0), vset(0)};
		int64_t k = 0;
		for (; k + 4 * LANES <= op->k; k += 4 * LANES) {
			UNROLL for (int j = 0; j < 4; j++) {
				__builtin_prefetch(row + k * bytes + PG_AHEAD + j * LANES * bytes);
				y[j] = vfma(floats(type, row + (k + j * LANES) * bytes), vload(op->x + k + j * LANES), y[j]);
			}
		}
		float rest[4 * LANES] = {0}, x[4 * LANES] = {0}; // the last columns
		if (k < op->k) {
			memcpy(rest, row + k * bytes, (size_t)((op->k - k) * bytes));
			memcpy(x, op->x + k, (size_t)(op->k - k) * sizeof *x);
			UNROLL for (int j = 0; j < 4; j++)
				y[j] = vfma(floats(type, (const uint8_t *)rest + j * LANES * bytes), vload(x + j * LANES), y[j]);
		}
		op->y[i - op->first] = vsum(vadd(vadd(y[0], y[1]), vadd(y[2], y[3])));
	}
}

PG_KERNEL static void rows(const pg_rows *op, const void *act, int64_t first, int64_t last) {
	switch (op->type) {
	case PG_Q8_0: row_quants(PG_Q8_0, 32, 34, op, act, first, last); break;
	case PG_Q4_0: row_quants(PG_Q4_0, 32, 18, op, act, first, last); break;
	case PG_Q4_K: row_quants(PG_Q4_K, 256, 144, op, act, first, last); break;
	case PG_Q6_K: row_quants(PG_Q6_K, 256, 210, op, act, first, last); break;
	case PG_F16: row_floats(PG_F16, 2, op, first, last); break;
	case PG_BF16: row_floats(PG_BF16, 2, op, first, last); break;
	case PG_F32: row_floats(PG_F32, 4, op, first, last); break;
	}
}
