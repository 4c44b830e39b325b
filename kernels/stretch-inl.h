// Stretching of pictures.
//
// Lines are stretched PG_LINES at a time, turned so that lines lie across vectors.
// So all samples of a vector have the same weight, in both directions.
#ifndef PG_STRETCH_INL_H
#define PG_STRETCH_INL_H

#include "stretch.h"
#include <stddef.h>
#include <string.h>

enum {
	BITS = 22, // fractional bits of a weight
	HALF = 1 << (BITS - 1),
	PIECE = 3 * PG_LINES, // samples that are summed together
	PARTS = PG_LINES / LANES,
};

typedef int32_t vint __attribute__((vector_size(4 * LANES)));

// add_weighed adds n pieces, step apart, times their weights to sum.
PG_INLINE void add_weighed(vint sum[3][PARTS], const uint8_t *pieces, int64_t step, const int32_t *weights, int64_t n) {
	for (int64_t i = 0; i < n; i++, pieces += step) {
		PG_UNROLL for (int c = 0; c < 3; c++) {
			vi samples[PARTS];
			vload_bytes(pieces + c * PG_LINES, samples);
			PG_UNROLL for (int v = 0; v < PARTS; v++)
				sum[c][v] += weights[i] * (vint)samples[v];
		}
	}
}

// transpose16 sets to[step j + i] = from[i][at + j] for i, j < 16.
PG_INLINE void transpose16(const uint8_t *const from[16], int64_t at, uint8_t *to, int64_t step) {
	bytes16 a[16], b[16];
	PG_UNROLL for (int i = 0; i < 16; i++)
		a[i] = load16(from[i] + at);
	for (int twice = 0; twice < 2; twice++) { // each zip exchanges one of 4 bits of i and j
		PG_UNROLL for (int i = 0; i < 8; i++)
			zip16(a[i], a[i + 8], b + 2 * i);
		PG_UNROLL for (int i = 0; i < 8; i++)
			zip16(b[i], b[i + 8], a + 2 * i);
	}
	PG_UNROLL for (int i = 0; i < 16; i++)
		store16(to + i * step, a[i]);
}

// turn_lines transposes PG_LINES lines of n samples.
PG_INLINE void turn_lines(const uint8_t *const lines[PG_LINES], int64_t n, uint8_t *to) {
	int64_t j = 0;
	for (; j + 16 <= n; j += 16)
		transpose16(lines, j, to + j * PG_LINES, PG_LINES);
	for (; j < n; j++)
		for (int i = 0; i < PG_LINES; i++)
			to[j * PG_LINES + i] = lines[i][j];
}

// stretch_turned stretches turned lines by columns.
PG_INLINE void stretch_turned(const pg_stretch *op, const uint8_t *turned, uint8_t *to) {
	const pg_windows *w = &op->columns;
	for (int64_t x = 0; x < op->size; x++, to += PIECE) {
		vint sum[3][PARTS];
		PG_UNROLL for (int c = 0; c < 3; c++) {
			PG_UNROLL for (int v = 0; v < PARTS; v++)
				sum[c][v] = (vint){0} + HALF;
		}
		add_weighed(sum, turned + PIECE * w->first[x], PIECE, w->weights + w->at[x], w->at[x + 1] - w->at[x]);
		PG_UNROLL for (int c = 0; c < 3; c++) {
			vi samples[PARTS];
			PG_UNROLL for (int v = 0; v < PARTS; v++)
				samples[v] = (vi)(sum[c][v] >> BITS);
			vstore_bytes(to + c * PG_LINES, samples);
		}
	}
}

// stretch_columns stretches lines [y, stop) by columns and returns them.
PG_INLINE const uint8_t *stretch_columns(const pg_stretch *op, int64_t y, int64_t stop) {
	int64_t n = 3 * op->width, step = pg_stretched(op->size);
	uint8_t *turned = op->scratch, *stretched = turned + PG_LINES * n, *back = stretched + PG_LINES * step;
	const uint8_t *lines[PG_LINES], *columns[16];
	for (int64_t i = 0; i < PG_LINES; i++) // the last line again where there are fewer
		lines[i] = op->pixels + n * (y + i < stop ? y + i : stop - 1);
	turn_lines(lines, n, turned);
	stretch_turned(op, turned, stretched);
	for (int i = 0; i < 16; i++)
		columns[i] = stretched + i * PG_LINES;
	for (int64_t j = 0; j < step; j += 16)
		transpose16(columns, j * PG_LINES, back + j, step);
	return back;
}

// add_lines adds n lines, step apart, times their weights to count samples of out.
PG_INLINE void add_lines(int32_t *out, int64_t count, const uint8_t *lines, int64_t step, const int32_t *weights, int64_t n) {
	for (int64_t i = 0; i < count; i += PIECE) {
		size_t size = sizeof *out * (size_t)(count - i < PIECE ? count - i : PIECE);
		vint sum[3][PARTS] = {0};
		memcpy(sum, out + i, size);
		add_weighed(sum, lines + i, step, weights, n);
		memcpy(out + i, sum, size);
	}
}

// stretch computes lines [first, last) of the result.
PG_TARGET static void stretch(const pg_stretch *op, int64_t first, int64_t last) {
	const pg_windows *w = &op->lines;
	int64_t n = 3 * op->size, step = pg_stretched(op->size);
	for (int64_t i = n * first; i < n * last; i++)
		op->out[i] = HALF;
	int64_t y = w->first[first], end = w->first[last - 1] + w->at[last] - w->at[last - 1];
	for (; y < end; y += PG_LINES) {
		int64_t stop = y + PG_LINES < end ? y + PG_LINES : end;
		const uint8_t *lines = stretch_columns(op, y, stop);
		for (int64_t i = first; i < last && w->first[i] < stop; i++) { // open windows
			int64_t from = w->first[i], to = from + w->at[i + 1] - w->at[i];
			int64_t low = from > y ? from : y, high = to < stop ? to : stop;
			int32_t *out = op->out + n * i;
			add_lines(out, n, lines + (low - y) * step, step, w->weights + w->at[i] + low - from, high - low);
			if (to > stop)
				continue;
			for (int64_t j = 0; j < n; j++)
				out[j] = out[j] < 0 ? 0 : (out[j] >> BITS > 255 ? 255 : out[j] >> BITS);
			first = i + 1;
		}
	}
}

#endif
