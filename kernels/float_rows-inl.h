// Rows of floats in ggml's own layout, times columns.
//
// A row is added up in parts of FLOAT_PART columns. A part has four sums, of every
// fourth vector each, which are added to the row's one after the other. So one
// column, a few and many have the same results.
#ifndef PG_FLOAT_ROWS_INL_H
#define PG_FLOAT_ROWS_INL_H

#include "unpack-inl.h"

enum {
	FLOAT_PART = 1024,
	FLOAT_STEP = 4 * LANES, // columns that parts have multiples of
	FLOAT_FEW = 4,          // columns that are multiplied row by row, by four sums each
	FLOAT_ROWS = 4,         // rows of a block
	FLOAT_TOGETHER = 3,     // columns of a block
	FLOAT_MOST = 16,        // columns whose sums stay in the nearest cache
};

// float_part returns how many columns the part has that begins at column k: whole
// steps, or the rest of a row.
static inline int64_t float_part(const int64_t k, const int64_t all) {
	int64_t steps = (all - k) / FLOAT_STEP * FLOAT_STEP;
	return steps >= FLOAT_PART ? FLOAT_PART : (steps ? steps : all - k);
}

// float_rest copies a few floats, with zeros behind them.
static inline const void *float_rest(const void *from, size_t bytes, float to[FLOAT_STEP]) {
	memset(to, 0, FLOAT_STEP * sizeof *to);
	memcpy(to, from, bytes);
	return to;
}

// row_part adds the products of a part of a row and few columns to their sums. Four
// sums hide how long an addition takes. It prefetches the row that many bytes ahead.
PG_DOT static inline void row_part(const int type, const int bytes, const int columns, const uint8_t *row, const int ahead, const float *x,
	int64_t x_stride, int64_t count, vf total[FLOAT_FEW]) {
	vf y[FLOAT_FEW][4];
	UNROLL for (int c = 0; c < columns; c++)
		y[c][0] = y[c][1] = y[c][2] = y[c][3] = vset(0);
	for (int64_t k = 0; k < count; k += FLOAT_STEP) {
		UNROLL for (int j = 0; j < 4; j++) {
			__builtin_prefetch(row + k * bytes + ahead + j * LANES * bytes);
			vf w = floats(type, row + (k + j * LANES) * bytes);
			UNROLL for (int c = 0; c < columns; c++)
				y[c][j] = vfma(w, vload(x + c * x_stride + k + j * LANES), y[c][j]);
		}
	}
	UNROLL for (int c = 0; c < columns; c++) {
		UNROLL for (int j = 0; j < 4; j++)
			total[c] = vadd(total[c], y[c][j]);
	}
}

// few_floats stores the products of a row and few columns.
PG_DOT static inline void few_floats(const int type, const int bytes, const int columns, const pg_rows *op, const uint8_t *row,
	const float *x, float (*to)[PG_PANEL]) {
	vf total[FLOAT_FEW];
	UNROLL for (int c = 0; c < columns; c++)
		total[c] = vset(0);
	for (int64_t k = 0, n; k < op->k; k += n) {
		n = float_part(k, op->k);
		if (n % FLOAT_STEP == 0) {
			row_part(type, bytes, columns, row + k * bytes, PG_AHEAD, x + k, op->x_stride, n, total);
			continue;
		}
		float w[FLOAT_STEP], rest[FLOAT_FEW][FLOAT_STEP];
		for (int c = 0; c < columns; c++)
			float_rest(x + c * op->x_stride + k, (size_t)n * sizeof *x, rest[c]);
		row_part(type, bytes, columns, float_rest(row + k * bytes, (size_t)(n * bytes), w), 0, rest[0], FLOAT_STEP, FLOAT_STEP, total);
	}
	UNROLL for (int c = 0; c < columns; c++)
		to[c][0] = vsum(total[c]);
}

// A float_ahead is memory to prefetch: some lines of each row of a block, row_bytes
// apart.
typedef struct {
	const uint8_t *p;
	size_t row_bytes;
	int64_t lines;
} float_ahead;

// float_products adds the products of a part of a block of rows and up to
// FLOAT_TOGETHER columns to their sums. Meanwhile it prefetches bit by bit.
PG_DOT static inline void float_products(const int columns, const float (*w)[FLOAT_PART], const float *x, int64_t x_stride,
	int64_t count, float (*to)[FLOAT_MOST][LANES], float_ahead ahead) {
	const int64_t each = (ahead.lines * FLOAT_STEP + count - 1) / count; // lines of a step
	ONCE for (int j = 0; j < 4; j++, ahead.p += ahead.row_bytes) {
		vf y[FLOAT_ROWS][FLOAT_TOGETHER];
		UNROLL for (int i = 0; i < FLOAT_ROWS; i++) {
			UNROLL for (int c = 0; c < columns; c++)
				y[i][c] = vset(0);
		}
		int64_t line = 0;
		for (int64_t k = j * LANES; k < count; k += FLOAT_STEP) {
			for (int64_t end = line + each; line < end && line < ahead.lines; line++)
				__builtin_prefetch(ahead.p + line * 64, 0, 2);
			vf xs[FLOAT_TOGETHER];
			UNROLL for (int c = 0; c < columns; c++) {
				const float *from = x + c * x_stride + k;
				xs[c] = count - k >= LANES ? vload(from) : vload_n(from, count - k);
			}
			UNROLL for (int i = 0; i < FLOAT_ROWS; i++) {
				vf row = vload(w[i] + k);
				UNROLL for (int c = 0; c < columns; c++)
					y[i][c] = vfma(row, xs[c], y[i][c]);
			}
		}
		UNROLL for (int i = 0; i < FLOAT_ROWS; i++) {
			UNROLL for (int c = 0; c < columns; c++)
				vstore(to[i][c], vadd(vload(to[i][c]), y[i][c]));
		}
	}
}

#define FLOAT_PRODUCTS(columns) \
	PG_KERNEL static void float_products_##columns(const float (*w)[FLOAT_PART], const float *x, int64_t x_stride, int64_t count, float (*to)[FLOAT_MOST][LANES], float_ahead ahead) { \
		float_products(columns, w, x, x_stride, count, to, ahead); \
	}
FLOAT_PRODUCTS(1)
FLOAT_PRODUCTS(2)
FLOAT_PRODUCTS(3)
#undef FLOAT_PRODUCTS

// many_floats stores the products of FLOAT_ROWS rows, or of the first count of them,
// and up to FLOAT_MOST columns. It converts a part of the rows once for all columns.
PG_DOT static inline void many_floats(const int type, const int bytes, const pg_rows *op, const uint8_t *rows, int64_t count,
	const float *x, int64_t columns, float (*to)[PG_PANEL]) {
	static void (*const products[])(const float (*)[FLOAT_PART], const float *, int64_t, int64_t, float (*)[FLOAT_MOST][LANES], float_ahead) = {
		float_products_1, float_products_2, float_products_3};
	_Alignas(64) float w[FLOAT_ROWS][FLOAT_PART];
	_Alignas(64) float total[FLOAT_ROWS][FLOAT_MOST][LANES];
	memset(total, 0, sizeof total);
	const int64_t groups = (columns + FLOAT_TOGETHER - 1) / FLOAT_TOGETHER;
	for (int64_t k = 0, n; k < op->k; k += n, rows += n * bytes) {
		n = float_part(k, op->k);
		for (int64_t i = 0; i < FLOAT_ROWS; i++) {
			float rest[FLOAT_STEP];
			const uint8_t *row = rows + (size_t)(i < count ? i : 0) * op->row_bytes;
			if (n % FLOAT_STEP)
				row = float_rest(row, (size_t)(n * bytes), rest);
			for (int64_t l = 0; l < n; l += LANES)
				vstore(w[i] + l, floats(type, row + l * bytes));
		}
		for (int64_t g = 0; g < groups; g++) {
			const int64_t c = columns * g / groups, some = columns * (g + 1) / groups - c;
			float_ahead ahead = {rows + FLOAT_ROWS * op->row_bytes + n * bytes * g / groups, op->row_bytes, n * bytes / groups / 64 + 1};
			PG_ANEW(ahead.p);
			products[some - 1](w, x + c * op->x_stride + k, op->x_stride, n, (float (*)[FLOAT_MOST][LANES])total[0][c], ahead);
		}
	}
	for (int64_t i = 0; i < count; i++) {
		for (int64_t c = 0; c < columns; c++)
			to[c][i] = vsum(vload(total[i][c]));
	}
}

// Functions for each float type: of many columns, and of each number of few.
#define FEW(name, bytes, columns) \
	PG_KERNEL static void few_##name##_##columns(const pg_rows *op, const uint8_t *row, const float *x, float (*y)[PG_PANEL]) { \
		few_floats(PG_##name, bytes, columns, op, row, x, y); \
	}
#define FLOAT_ROWS_OF(name, number, bytes) \
	FEW(name, bytes, 1) \
	FEW(name, bytes, 2) \
	FEW(name, bytes, 3) \
	FEW(name, bytes, 4) \
	PG_KERNEL static void many_##name(const pg_rows *op, const uint8_t *rows, int64_t count, const float *x, int64_t columns, float (*y)[PG_PANEL]) { \
		many_floats(PG_##name, bytes, op, rows, count, x, columns, y); \
	}
PG_FLOAT_LIST(FLOAT_ROWS_OF)
#undef FEW
#undef FLOAT_ROWS_OF

PG_KERNEL static void float_rows(const pg_rows *op, int64_t first, int64_t last, int64_t column, int64_t columns, float (*y)[PG_PANEL]) {
	void (*const *few)(const pg_rows *, const uint8_t *, const float *, float (*)[PG_PANEL]) = NULL;
	void (*many)(const pg_rows *, const uint8_t *, int64_t, const float *, int64_t, float (*)[PG_PANEL]) = NULL;
	switch (op->type) {
#define CASE(name, ...) \
	case PG_##name: { \
		static void (*const all[])(const pg_rows *, const uint8_t *, const float *, float (*)[PG_PANEL]) = { \
			few_##name##_1, few_##name##_2, few_##name##_3, few_##name##_4}; \
		few = all; \
		many = many_##name; \
		break; \
	}
		PG_FLOAT_LIST(CASE)
#undef CASE
	}
	const uint8_t *rows = (const uint8_t *)op->rows + (size_t)first * op->row_bytes;
	const float *x = op->x + column * op->x_stride;
	const int64_t step = columns <= FLOAT_FEW ? 1 : FLOAT_ROWS;
	for (int64_t i = 0; i < last - first; i += step, rows += step * (int64_t)op->row_bytes) {
		if (columns <= FLOAT_FEW) {
			few[columns - 1](op, rows, x, (float (*)[PG_PANEL])(y[0] + i));
			continue;
		}
		int64_t groups = (columns + FLOAT_MOST - 1) / FLOAT_MOST, count = last - first - i < step ? last - first - i : step;
		for (int64_t g = 0; g < groups; g++) {
			int64_t c = columns * g / groups, n = columns * (g + 1) / groups - c;
			many(op, rows, count, x + c * op->x_stride, n, (float (*)[PG_PANEL])(y[c] + i));
		}
	}
}

#endif
