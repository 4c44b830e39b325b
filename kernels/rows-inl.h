// Rows in ggml's own layout times one column. rows_x86.h and rows_neon.h define
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

// row_quants stores the products of rows [first, last) of a quantized type.
PG_DOT static inline void row_quants(const int type, const int block, const int bytes, const pg_rows *op,
	const uint8_t *act, int64_t first, int64_t last) {
	const uint8_t *row = (const uint8_t *)op->rows + (size_t)first * op->row_bytes;
	int64_t blocks = op->k / block;
	const int unit = block / 32 * row_act_bytes(type);
	for (int64_t i = first; i < last; i++, row += op->row_bytes) {
		const uint8_t *p = row, *x = act;
		vr y0 = row_zero(), y1 = y0;
		int64_t b = 0;
		for (; b + 2 <= blocks; b += 2, p += 2 * bytes, x += 2 * unit) {
			for (int line = 0; line < 2 * bytes; line += 64)
				__builtin_prefetch(p + PG_AHEAD + line);
			y0 = row_block(type, p, x, y0);
			y1 = row_block(type, p + bytes, x + unit, y1);
		}
		if (b < blocks)
			y0 = row_block(type, p, x, y0);
		op->y[i - op->first] = row_total(row_add(y0, y1));
	}
}

// row_floats stores the products of rows [first, last) of a float type.
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

// A case for each type, with the columns and bytes of its block.
#define QUANT(name, number, block, bytes, ...) name##_BLOCK = block, name##_BYTES = bytes,
enum { PG_QUANT_LIST(QUANT) };
#undef QUANT
#define ROW(name) \
	case PG_##name: \
		row_quants(PG_##name, name##_BLOCK, name##_BYTES, op, act, first, last); \
		break;
#define FLOAT(name, number, bytes) \
	case PG_##name: \
		row_floats(PG_##name, bytes, op, first, last); \
		break;
PG_KERNEL static void rows(const pg_rows *op, const void *act, int64_t first, int64_t last) {
	switch (op->type) {
		PG_ROW_LIST(ROW)
		PG_FLOAT_LIST(FLOAT)
	}
}
#undef ROW
#undef FLOAT

#endif
