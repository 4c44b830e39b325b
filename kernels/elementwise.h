// Sums, and pictures cut into patches.
#ifndef PG_ELEMENTWISE_H
#define PG_ELEMENTWISE_H

#include "pool.h"

// out = s·a + b for n elements; b NULL is 0. out may be a or b.
typedef struct {
	int64_t n;
	const float *a, *b;
	float s;
	float *out;
	int level; // a supported level of instruction sets, or PG_AUTO for the best
} pg_sum;

// pg_sum_run is a pg_kernel on a pg_sum.
void pg_sum_run(const void *op, int ith, pg_team *team);

// An image [w, h, channels] cut into squares of side side, which w and h are
// multiples of; each becomes a column in the order x, y, channel, squares row
// by row.
typedef struct {
	int64_t w, h, channels, side;
	const float *image;
	float *out; // columns step apart
	int64_t step;
} pg_unfold;

// pg_unfold_run is a pg_kernel on a pg_unfold.
void pg_unfold_run(const void *op, int ith, pg_team *team);

#endif
