// Sums of rows times one column, or a few, for 256 bits: bytes are multiplied row by row, and
// then sums change places instead of bytes. It is the faster way for bytes that
// are multiplied as words, and for bits in two places.
#ifndef PG_ROW_SUMS_AVX2_H
#define PG_ROW_SUMS_AVX2_H

#include "product_tile-inl.h"
#include "rows-inl.h"

// row_sums_apply reports whether row_sums computes a type from a form of activations.
PG_DOT static inline int row_sums_apply(const int type, const int form) {
	return (type == PG_Q8_0 && form == PG_INT16) || (type == PG_Q6_K && form == PG_INT8);
}

// row_totals adds four lanes of each of 8 vectors, a vector for each row: the low
// ones to half 0, the high ones to half 1.
PG_DOT static inline void row_totals(const vi a[8], vi half[2]) {
	vi t[2];
	UNROLL for (int i = 0; i < 2; i++)
		t[i] = _mm256_hadd_epi32(_mm256_hadd_epi32(a[4 * i], a[4 * i + 1]), _mm256_hadd_epi32(a[4 * i + 2], a[4 * i + 3]));
	half[0] = _mm256_permute2x128_si256(t[0], t[1], 0x20);
	half[1] = _mm256_permute2x128_si256(t[0], t[1], 0x31);
}

PG_DOT static inline vi row_signed(const uint8_t *p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)); }

// row_sums adds the products of a block of 8 rows to y.
PG_DOT static inline vf row_sums(const int type, const int bytes, const row_place *r, const uint8_t *act, vf y) {
	vi a[8], s[2];
	const uint8_t *p = r->p;
	row_scales(type, r);
	if (type == PG_Q8_0) {
		row_ahead(r, bytes, 0, 1);
		vi x0 = iload(act), x1 = iload(act + 32);
		UNROLL for (int i = 0; i < 8; i++, p += r->step)
			a[i] = iadd32(_mm256_madd_epi16(row_signed(p + 2), x0), _mm256_madd_epi16(row_signed(p + 18), x1));
		row_totals(a, s);
		return with_block(PG_INT16, iadd32(s[0], s[1]), vload(r->d[0][0] + r->v * LANES), vset(*field(PG_INT16, act, 1, 0, PG_ACT_D)), vset(0), y);
	}
	UNROLL for (int b = 0; b < 8; b++, act += pg_unit(PG_INT8, 1)) {
		vi x = iload(act);
		p = r->p;
		row_ahead(r, bytes, b, 8);
		UNROLL for (int i = 0; i < 8; i++, p += r->step) {
			vi low = ishift(iload(p + b / 4 * 64 + b % 2 * 32), -(b % 4 / 2 * 4));
			vi high = ishift(iload(p + 128 + b / 4 * 32), 4 - b % 4 * 2);
			a[i] = ROW_BYTES(ior(iand(low, ibytes(15)), iand(high, ibytes(0x30))), x);
		}
		row_totals(a, s);
		vf part = vset(0);
		UNROLL for (int h = 0; h < 2; h++) {
			s[h] = iadd32(s[h], start_around_32(field(PG_INT8, act, 1, 0, PG_ACT_START0 + h)));
			part = with_half(PG_INT8, h, s[h], vload(r->d[b][h] + r->v * LANES), part);
		}
		y = vfma(part, vset(*field(PG_INT8, act, 1, 0, PG_ACT_D)), y);
	}
	return y;
}

#if ROW_COLUMNS > 1
// row_word_sums returns 8 sums of the products of the 32 quants of a row of Q8_0.
PG_DOT static inline vi row_word_sums(const vi w[2], const uint8_t *x) {
	return iadd32(_mm256_madd_epi16(w[0], iload(x)), _mm256_madd_epi16(w[1], iload(x + 32)));
}

// row_columns is row_sums of Q8_0 for some columns. It adds up the lanes of two rows,
// and of four, as soon as it has them.
PG_DOT static inline void row_columns(const int bytes, const int columns, const row_place *r, const uint8_t *act, vf y[PG_MAX_COLUMNS]) {
	const uint8_t *p = r->p;
	vi four[2][PG_MAX_COLUMNS];
	row_scales(PG_Q8_0, r);
	row_ahead(r, bytes, 0, 1);
	UNROLL for (int i = 0; i < 8; i += 2, p += 2 * r->step) {
		vi w[2][2] = {{row_signed(p + 2), row_signed(p + 18)}, {row_signed(p + r->step + 2), row_signed(p + r->step + 18)}};
		UNROLL for (int c = 0; c < columns; c++) {
			vi two = _mm256_hadd_epi32(row_word_sums(w[0], act + c * 64), row_word_sums(w[1], act + c * 64));
			four[i / 4][c] = i % 4 ? _mm256_hadd_epi32(four[i / 4][c], two) : two;
		}
	}
	vf d = vload(r->d[0][0] + r->v * LANES);
	UNROLL for (int c = 0; c < columns; c++) {
		vi s = iadd32(_mm256_permute2x128_si256(four[0][c], four[1][c], 0x20), _mm256_permute2x128_si256(four[0][c], four[1][c], 0x31));
		y[c] = with_block(PG_INT16, s, d, vset(*field(PG_INT16, act, columns, c, PG_ACT_D)), vset(0), y[c]);
	}
}

// words_columns is row_stream of Q8_0 for some columns. (Q6_K, whose bits are in two
// places, takes longer so.)
PG_DOT static inline void words_columns(const int columns, const pg_tile *t, const uint8_t *rows, size_t step) {
	const size_t record = (size_t)(pg_unit(PG_INT16, t->halves) * columns);
	float d[1][2][PG_PANEL];
	clear(t, columns);
	ONCE for (int v = 0; v < VECTORS; v += 2) {
		const uint8_t *p = rows + (size_t)(v * LANES) * step, *act = t->act;
		vf y[2][PG_MAX_COLUMNS];
		sums(1, columns, v, t->acc, y);
		for (int b = 0; b < t->blocks; b++, p += Q8_0_BYTES, act += record) {
			const int line = row_line(b * Q8_0_BYTES, Q8_0_BYTES); // of the rows that follow
			ONCE for (int i = 0; i < 2; i++) {
				const uint8_t *from = p + (size_t)(i * LANES) * step;
				row_place r = {.p = from, .step = step, .d = d, .v = v + i, .ahead = line ? from + (size_t)(2 * LANES) * step : NULL};
				row_columns(Q8_0_BYTES, columns, &r, act, y[i]);
			}
		}
		sums(0, columns, v, t->acc, y);
	}
}

#define WORDS_COLUMNS(columns) \
	PG_KERNEL static void words_columns_##columns(const pg_tile *t, const uint8_t *rows, size_t step) { words_columns(columns, t, rows, step); }
WORDS_COLUMNS(2)
WORDS_COLUMNS(3)
WORDS_COLUMNS(4)
#undef WORDS_COLUMNS
#endif

#endif
