// Norms of columns: RMS (arXiv:1910.07467) and layer norm (arXiv:1607.06450),
// with the sums around them.
#ifndef PG_NORM_H
#define PG_NORM_H

#include "pool.h"

// For each of n columns s = x + add: y = s/sqrt(mean(s^2) + eps)·w + b, with
// s - mean(s) instead of s if centered; then out = residual + y. Steps are from
// column to column. What is NULL is left out. Memory that is written may be
// memory that is read, of the same step.
typedef struct {
	int64_t d, n;
	const float *x, *add, *residual; // [d, n]
	int64_t x_step, add_step, residual_step;
	const float *w, *b; // [d]
	int centered;
	float eps;
	float *sum, *out; // s and the result, [d, n]
	int64_t sum_step, out_step;
	int level; // a supported level of instruction sets, or PG_AUTO for the best
} pg_norm;

// pg_norm_run is a pg_kernel on a pg_norm.
void pg_norm_run(const void *op, int ith, pg_team *team);

#endif
