// Rotary positions (arXiv:2104.09864).
#ifndef PG_ROPE_H
#define PG_ROPE_H

#include "pool.h"

// Pairs (i, i + e/2) of the e channels of each head are turned by the angle
// position·base^(-2i/e), computed in float32 as ggml does: the angle is
// multiplied from pair to pair by base^(-2/e). (transformers multiplies the
// position by a table of float32 powers; the angles differ by up to a few
// millionths of themselves.) x and out may be the same memory.
typedef struct {
	int64_t e, heads, n; // e a multiple of 2
	const float *x;
	int64_t x_head, x_token;  // steps in floats
	const int32_t *positions; // of n tokens, less than 2^20
	float base;
	float *out;
	int64_t out_head, out_token;
	int level; // a supported level of instruction sets, or PG_AUTO for the best
} pg_rope;

// pg_rope_run is a pg_kernel on a pg_rope.
void pg_rope_run(const void *op, int ith, pg_team *team);

#endif
