// Rows in ggml's own layout times columns. rows_x86.h and rows_neon.h define
//
//	vr, row_zero, row_add   a vector of partial sums
//	row_total               the sum of a vector's lanes
//	row_block               adds the products of a block of a type to a vector
#ifndef PG_ROWS_INL_H
#define PG_ROWS_INL_H

#include "unpack-inl.h"

#ifdef __x86_64__
#include "rows_x86.h"
#else
#include "rows_neon.h"
#endif

#ifndef ROW_512
typedef char row_256[8 * PG_ROW_UNIT];
#endif

enum { ROW_GROUP = 4 }; // columns that a vector of weights is multiplied by

_Static_assert(sizeof(row_256) <= 8 * PG_ROW_BYTES, "PG_ROW_BYTES is too small");

// row_act_bytes returns the bytes that the rows of a type read for 32 columns of
// activations.
PG_DOT static inline int row_act_bytes(const int type) { return type == PG_Q6_K ? (int)sizeof(row_256) / 8 : PG_ROW_UNIT; }

// arrange puts some records of activations at block b of act, as the rows of a
// type read them.
PG_KERNEL static void arrange(int type, const uint8_t *records, int blocks, uint8_t *act, int64_t b) {
	act += b * row_act_bytes(type);
#ifdef ROW_512
	if (type == PG_Q6_K) {
		for (int i = 0; i < blocks; i += 8, records += 8 * PG_ROW_UNIT, act += sizeof(row_256))
			row_arrange_256(records, (row_256 *)act);
		return;
	}
#endif
	memcpy(act, records, (size_t)(blocks * PG_ROW_UNIT));
}

// row_quants stores the products of a row at p and some columns.
PG_DOT static inline void row_quants(const int type, const int block, const int bytes, const int columns, const pg_rows *op,
	const uint8_t *p, const uint8_t *act, size_t act_step, float *y) {
	int64_t blocks = op->k / block;
	const int unit = block / 32 * row_act_bytes(type);
	vr y0[ROW_GROUP], y1[ROW_GROUP];
	UNROLL for (int c = 0; c < columns; c++)
		y0[c] = y1[c] = row_zero();
	int64_t b = 0;
	for (; b + 2 <= blocks; b += 2, p += 2 * bytes, act += 2 * unit) {
		for (int line = 0; line < 2 * bytes; line += 64)
			__builtin_prefetch(p + PG_AHEAD + line);
		UNROLL for (int c = 0; c < columns; c++)
			y0[c] = row_block(type, p, act + (size_t)c * act_step, y0[c]);
		UNROLL for (int c = 0; c < columns; c++)
			y1[c] = row_block(type, p + bytes, act + (size_t)c * act_step + unit, y1[c]);
	}
	UNROLL for (int c = 0; c < columns; c++) {
		if (b < blocks)
			y0[c] = row_block(type, p, act + (size_t)c * act_step, y0[c]);
		y[c * op->y_stride] = row_total(row_add(y0[c], y1[c]));
	}
}

// row_floats is row_quants for a float type.
PG_DOT static inline void row_floats(const int type, const int bytes, const int columns, const pg_rows *op, const uint8_t *row,
	const float *from, float *to) {
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
		to[c * op->y_stride] = vsum(vadd(vadd(y[c][0], y[c][1]), vadd(y[c][2], y[c][3])));
	}
}

// A function for each type and number of columns of a group.
// A case for each type, with the columns and bytes of its block.
#define QUANT(name, number, block, bytes, ...) name##_BLOCK = block, name##_BYTES = bytes,
enum { PG_QUANT_LIST(QUANT) };
#undef QUANT
#define ROW(name, columns) \
	PG_KERNEL static void row_##name##_##columns(const pg_rows *op, const uint8_t *row, const uint8_t *act, size_t act_step, \
		const float *x, float *y) { \
		(void)x; \
		row_quants(PG_##name, name##_BLOCK, name##_BYTES, columns, op, row, act, act_step, y); \
	}
#define FLOAT_ROW(name, bytes, columns) \
	PG_KERNEL static void row_##name##_##columns(const pg_rows *op, const uint8_t *row, const uint8_t *act, size_t act_step, \
		const float *x, float *y) { \
		(void)act, (void)act_step; \
		row_floats(PG_##name, bytes, columns, op, row, x, y); \
	}
#define ROWS(name) ROW(name, 1) ROW(name, 2) ROW(name, 3) ROW(name, 4)
#define FLOAT_ROWS(name, number, bytes) \
	FLOAT_ROW(name, bytes, 1) \
	FLOAT_ROW(name, bytes, 2) \
	FLOAT_ROW(name, bytes, 3) \
	FLOAT_ROW(name, bytes, 4)
PG_ROW_LIST(ROWS)
PG_FLOAT_LIST(FLOAT_ROWS)

typedef void row_function(const pg_rows *op, const uint8_t *row, const uint8_t *act, size_t act_step, const float *x, float *y);

// rows goes through the groups of columns row by row, as a row then stays in the
// nearest cache.
PG_KERNEL static void rows(const pg_rows *op, const uint8_t *act, size_t act_step) {
#define CASE(name, ...) \
	case PG_##name: { \
		static row_function *const all[] = {row_##name##_1, row_##name##_2, row_##name##_3, row_##name##_4}; \
		group = all; \
		break; \
	}
	row_function *const *group = NULL;
	switch (op->type) {
		PG_ROW_LIST(CASE)
		PG_FLOAT_LIST(CASE)
	}
#undef CASE
	const uint8_t *row = (const uint8_t *)op->rows + (size_t)op->first * op->row_bytes;
	int64_t groups = (op->n + ROW_GROUP - 1) / ROW_GROUP;
	for (int64_t i = 0; i < op->last - op->first; i++, row += op->row_bytes) {
		for (int64_t g = 0; g < groups; g++) {
			int64_t c = op->n * g / groups, columns = op->n * (g + 1) / groups - c;
			group[columns - 1](op, row, act + (size_t)c * act_step, act_step, op->x + c * op->x_stride, op->y + c * op->y_stride + i);
		}
	}
}
#undef ROW
#undef FLOAT_ROW
#undef ROWS
#undef FLOAT_ROWS

#endif
