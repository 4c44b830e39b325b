// Norms of columns: RMS (arXiv:1910.07467) and layer norm (arXiv:1607.06450).
#ifndef PG_NORM_H
#define PG_NORM_H

#include "pool.h"

// For each of n columns x: y = x/sqrt(mean(x^2) + eps)·w + b, with x - mean(x)
// instead of x if centered; then out = residual + y. Steps are floats from
// column to column. w, b and residual may be NULL, which leaves them out. out
// may be x or residual, with the same step.
typedef struct {
	int64_t d, n;
	const float *x, *residual; // [d, n]
	int64_t x_step, residual_step;
	const float *w, *b; // [d]
	int centered;
	float eps;
	float *out; // [d, n]
	int64_t out_step;
	int level; // a supported level of instruction sets, or PG_AUTO for the best
} pg_norm;

// pg_norm_run is a pg_kernel on a pg_norm.
void pg_norm_run(const void *op, int ith, pg_team *team);

#endif
