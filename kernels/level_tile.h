// A level's functions, the last thing that a product_<level>.c includes, which
// has defined
//
//	PG_LEVEL     the name of the level's pg_level
//	PG_COLUMNS   of its widest tiles, by form of activations
//
// and what product_tile.h, rows_tile.h and the rounding want.
#include "product_tile.h"

#include "rows_tile.h"

#ifdef __x86_64__
#include "round_x86.h"
#else
#include "round_neon.h"
#endif

PG_KERNEL static void quantize(int form, int wide, const float *x, int64_t x_stride, int columns, int blocks, void *act) {
	switch (form) {
	case PG_INT8:
		round_columns(PG_INT8, wide, x, x_stride, columns, blocks, act);
		break;
	case PG_INT16:
		round_columns(PG_INT16, wide, x, x_stride, columns, blocks, act);
		break;
#if FIXED
	case PG_FIXED:
		round_columns(PG_FIXED, 0, x, x_stride, columns, blocks, act);
		break;
#endif
	default:
		for (int c = 0; c < columns; c++)
			for (int k = 0; k < blocks; k++)
				((float *)act)[k * columns + c] = x[c * x_stride + k];
	}
}

PG_KERNEL static void round_rows(int form, int wide, const float *x, int columns, int rows, void *record) {
	switch (form) {
	case PG_INT8:
		round_block_columns(PG_INT8, wide, x, columns, record);
		break;
	case PG_INT16:
		round_block_columns(PG_INT16, wide, x, columns, record);
		break;
#if FIXED
	case PG_FIXED:
		round_block_columns(PG_FIXED, 0, x, columns, record);
		break;
#endif
	default:
		quantize(PG_FLOAT, 0, x, PG_PANEL, columns, rows, record);
	}
}

static int form(const pg_format *f, int precise, int64_t n) {
	if (f->planes < 0)
		return PG_FLOAT;
	if (precise)
		return PG_INT16;
	return n > 1 && fixed_shift(f) >= 0 ? PG_FIXED : STREAM_FORM(f->planes);
}

const pg_level PG_LEVEL = {
	.columns = PG_COLUMNS,
	.form = form,
	.quantize = quantize,
	.round = round_rows,
	.settle = settle_scales,
	.unpack = fixed_unpack,
	.tile = {tile, tile, fixed_tile, float_tile},
	.stream = {stream, stream, NULL, float_stream},
	.finish = finish,
	.arrange = arrange,
	.rows = rows,
};
