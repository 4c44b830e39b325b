// Rows in ggml's own layout times one column, for any product_<level>.c, after
// product_tile.h. A level's instructions are in rows_x86.h or rows_neon.h:
//
//	vr, row_zero, row_add   a vector of sums that are one in the end
//	row_total               which
//	row_block               adds 32 or 256 columns of a type to them

// The record of activations of 32 columns: see level.h.
enum { ROW_UNIT = 32 + 4 * PG_FIELDS };
PG_DOT static inline float row_d(const uint8_t *act) { return *(const float *)(act + 32); }
PG_DOT static inline float row_sum(const uint8_t *act) { return ((const float *)(act + 32))[3]; }

#ifdef __x86_64__
#include "rows_x86.h"
#else
#include "rows_neon.h"
#endif

#ifndef ROW_512
typedef char row_256[8 * ROW_UNIT];
#endif

_Static_assert(sizeof(row_256) <= 8 * PG_ROW_BYTES, "PG_ROW_BYTES is too few");

// row_act_bytes is what a type's rows want of 32 columns of activations.
PG_DOT static inline int row_act_bytes(const int type) { return type == PG_Q6_K ? (int)sizeof(row_256) / 8 : ROW_UNIT; }

// arrange puts some records of activations at block b of act, as rows of a type
// want them.
PG_KERNEL static void arrange(int type, const uint8_t *records, int blocks, uint8_t *act, int64_t b) {
	act += b * row_act_bytes(type);
#ifdef ROW_512
	if (type == PG_Q6_K) {
		for (int i = 0; i < blocks; i += 8, records += 8 * ROW_UNIT, act += sizeof(row_256))
			row_arrange_256(records, (row_256 *)act);
		return;
	}
#endif
	memcpy(act, records, (size_t)(blocks * ROW_UNIT));
}

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
