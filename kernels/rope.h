// Rotary positions (arXiv:2104.09864) and writing to the key-value cache.
#ifndef PG_ROPE_H
#define PG_ROPE_H

#include "pool.h"

// Where the rows of n tokens go: token i to row places[i] of size rows, or to
// start + i if places is NULL. Tokens whose row would lie outside are left out.
typedef struct {
	void *to; // float16 if half, else float32
	int half;
	int64_t row, channel; // steps in elements
	int64_t size, start;
	const int64_t *places;
} pg_rows_of;

// Pairs (i, i + e/2) of each head's e channels are turned by the angle
// position·base^(-2i/e), computed in float32 as ggml does: multiplied from pair
// to pair by base^(-2/e). (transformers multiplies the position by a table of
// float32 powers; the angles differ by up to a few millionths of themselves.)
// x and to may be the same memory.
typedef struct {
	int64_t e, heads, n; // e a multiple of 2
	const float *x;
	int64_t x_head, x_token;
	const int32_t *positions; // of less than 2^20
	float base;
	pg_rows_of out; // channel is 1
	int64_t out_head;
	int level; // a supported level of instruction sets, or PG_AUTO for the best
} pg_rope;

// pg_rope_run is a pg_kernel on a pg_rope.
void pg_rope_run(const void *op, int ith, pg_team *team);

// Columns of d channels, to rows per token (channel 1) or per channel (row 1).
typedef struct {
	int64_t d, n;
	const float *x;
	int64_t x_token;
	pg_rows_of out;
	int level;
} pg_store;

// pg_store_run is a pg_kernel on a pg_store.
void pg_store_run(const void *op, int ith, pg_team *team);

#endif
