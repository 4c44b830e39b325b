// Rows of floats in ggml's own layout, multiplied in place.
#ifndef PG_FLOAT_ROWS_INL_H
#define PG_FLOAT_ROWS_INL_H

#include "unpack-inl.h"

enum { ROW_GROUP = 4 }; // columns that a vector of weights is multiplied by

// row_floats stores the products of a row of floats and some columns, PG_PANEL apart.
// Four vectors of sums hide how long an addition takes.
PG_DOT static inline void row_floats(const int type, const int bytes, const int columns, const pg_rows *op, const uint8_t *row,
	const float *from, float (*to)[PG_PANEL], int64_t i) {
	vf y[ROW_GROUP][4];
	UNROLL for (int c = 0; c < columns; c++)
		y[c][0] = y[c][1] = y[c][2] = y[c][3] = vset(0);
	int64_t k = 0;
	for (; k + 4 * LANES <= op->k; k += 4 * LANES) {
		UNROLL for (int j = 0; j < 4; j++) {
			__builtin_prefetch(row + k * bytes + PG_AHEAD + j * LANES * bytes);
			vf w = floats(type, row + (k + j * LANES) * bytes);
			UNROLL for (int c = 0; c < columns; c++)
				y[c][j] = vfma(w, vload(from + c * op->x_stride + k + j * LANES), y[c][j]);
		}
	}
	UNROLL for (int c = 0; c < columns; c++) {
		float rest[4 * LANES] = {0}, x[4 * LANES] = {0}; // the last columns
		if (k < op->k) {
			memcpy(rest, row + k * bytes, (size_t)((op->k - k) * bytes));
			memcpy(x, from + c * op->x_stride + k, (size_t)(op->k - k) * sizeof *x);
			UNROLL for (int j = 0; j < 4; j++)
				y[c][j] = vfma(floats(type, (const uint8_t *)rest + j * LANES * bytes), vload(x + j * LANES), y[c][j]);
		}
		to[c][i] = vsum(vadd(vadd(y[c][0], y[c][1]), vadd(y[c][2], y[c][3])));
	}
}

// A function for each float type and number of columns.
#define FLOAT_ROW(name, bytes, columns) \
	PG_KERNEL static void row_##name##_##columns(const pg_rows *op, const uint8_t *row, const float *x, float (*y)[PG_PANEL], int64_t i) { \
		row_floats(PG_##name, bytes, columns, op, row, x, y, i); \
	}
#define FLOAT_ROWS(name, number, bytes) \
	FLOAT_ROW(name, bytes, 1) \
	FLOAT_ROW(name, bytes, 2) \
	FLOAT_ROW(name, bytes, 3) \
	FLOAT_ROW(name, bytes, 4)
PG_FLOAT_LIST(FLOAT_ROWS)
#undef FLOAT_ROW
#undef FLOAT_ROWS

// float_rows goes through the groups of columns row by row, as a row then stays in
// the nearest cache.
PG_KERNEL static void float_rows(const pg_rows *op, int64_t first, int64_t last, int64_t column, int64_t columns, float (*y)[PG_PANEL]) {
	void (*const *group)(const pg_rows *, const uint8_t *, const float *, float (*)[PG_PANEL], int64_t) = NULL;
	switch (op->type) {
#define CASE(name, ...) \
	case PG_##name: { \
		static void (*const all[])(const pg_rows *, const uint8_t *, const float *, float (*)[PG_PANEL], int64_t) = { \
			row_##name##_1, row_##name##_2, row_##name##_3, row_##name##_4}; \
		group = all; \
		break; \
	}
		PG_FLOAT_LIST(CASE)
#undef CASE
	}
	int64_t groups = (columns + ROW_GROUP - 1) / ROW_GROUP;
	for (int64_t i = first; i < last; i++) {
		for (int64_t g = 0; g < groups; g++) {
			int64_t c = columns * g / groups, n = columns * (g + 1) / groups - c;
			group[n - 1](op, (const uint8_t *)op->rows + (size_t)i * op->row_bytes, op->x + (column + c) * op->x_stride, y + c, i - first);
		}
	}
}

#endif
