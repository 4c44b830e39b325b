// The functions of a level. A product_<level>.c includes this last. It has defined
// what tile-inl.h lists, integers8 and
//
//	PG_LEVEL     the name of the level's pg_level
//	PG_COLUMNS   the columns of its widest tiles, by form of activations
//
// integers8(plane, columns, w, act, v, g0, groups, s) adds the products of bytes to
// s, for some groups of 4 columns of vectors v and v+1 of rows.
#ifndef PG_LEVEL_INL_H
#define PG_LEVEL_INL_H

#include "finish-inl.h"
#include "fixed_tile-inl.h"
#include "float_rows-inl.h"
#include "float_tile-inl.h"
#include "product_tile-inl.h"
#include "row_stream-inl.h"
#include "stream_tile-inl.h"

#ifdef __x86_64__
#include "round_x86.h"
#else
#include "round_neon.h"
#endif

PG_KERNEL static void quantize(int form, int halves, const float *x, int64_t x_stride, int columns, int rows, void *act) {
	int blocks = rows / 32;
	switch (form) {
	case PG_INT8:
		round_columns(PG_INT8, halves, x, x_stride, columns, blocks, act);
		break;
	case PG_INT16:
		round_columns(PG_INT16, halves, x, x_stride, columns, blocks, act);
		break;
#if FIXED
	case PG_FIXED:
		round_columns(PG_FIXED, 0, x, x_stride, columns, blocks, act);
		break;
#endif
#if BFLOATS
	case PG_BFLOAT:
		pg_bfloat_round(x, x_stride, columns, rows, act);
		break;
#endif
	default:
		for (int c = 0; c < columns; c++)
			for (int k = 0; k < rows; k++)
				((float *)act)[k * columns + c] = x[c * x_stride + k];
	}
}

PG_KERNEL static void round_rows(int form, int halves, const float *x, int columns, int rows, void *record) {
	switch (form) {
	case PG_INT8:
		round_block_columns(PG_INT8, halves, x, columns, record);
		break;
	case PG_INT16:
		round_block_columns(PG_INT16, halves, x, columns, record);
		break;
#if FIXED
	case PG_FIXED:
		round_block_columns(PG_FIXED, 0, x, columns, record);
		break;
#endif
	default: // floats
		quantize(form, 0, x, PG_PANEL, columns, rows, record);
	}
}

static int form(const pg_format *f, int precise, int64_t n) {
	if (f->planes < 0)
		return PG_FLOAT;
	if (precise)
		return PG_INT16;
	return n > 1 && fixed_shift(f) >= 0 ? PG_FIXED : STREAM_FORM(f->planes);
}

// The functions that all levels of a product_<level>.c share.
#define PG_FUNCTIONS \
	.quantize = quantize, \
	.round = round_rows, \
	.fix_scales = round_fixed_scales, \
	.unpack = fixed_unpack, \
	.tile = {[PG_INT8] = tile, [PG_INT16] = tile, [PG_FIXED] = fixed_tile, [PG_FLOAT] = float_tile}, \
	.stream_columns = stream_columns, \
	.stream = {[PG_INT8] = stream, [PG_INT16] = stream, [PG_FLOAT] = float_stream}, \
	.finish = finish, \
	.unpack_rows = unpack_rows, \
	.stream_rows_columns = stream_rows_columns, \
	.stream_rows = stream_rows, \
	.float_rows = float_rows

const pg_level PG_LEVEL = {.columns = PG_COLUMNS, .form = form, PG_FUNCTIONS};

#endif
