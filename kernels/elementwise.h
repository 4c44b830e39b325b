// Sums of tensors, and pictures cut into squares.
#ifndef PG_ELEMENTWISE_H
#define PG_ELEMENTWISE_H

#include "pool.h"

// out = a + b for n elements. out may be a or b.
typedef struct {
	int64_t n;
	const float *a, *b;
	float *out;
	int level; // a supported level of instruction sets, or PG_AUTO for the best
} pg_sum;

// pg_sum_run is a pg_kernel on a pg_sum.
void pg_sum_run(const void *op, int ith, pg_team *team);

// An image [w, h, channels] is cut into squares of side pixels; w and h are
// multiples of side. Each square becomes a column in the order x, y, channel;
// squares are taken row by row.
typedef struct {
	int64_t w, h, channels, side;
	const float *image;
	float *out;   // a column for each square
	int64_t step; // floats from column to column
} pg_unfold;

// pg_unfold_run is a pg_kernel on a pg_unfold.
void pg_unfold_run(const void *op, int ith, pg_team *team);

#endif
