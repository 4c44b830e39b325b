// The kernels that are written once, in terms of vectors of float32, for all
// levels of instruction sets. A vector_<set>.c includes the vectors of one
// instruction set, vector_<set>.h, and then all these kernels, vectors-inl.h.
#ifndef PG_VECTOR_H
#define PG_VECTOR_H

#include "attention.h"
#include "elementwise.h"
#include "norm.h"
#include "rope.h"
#include "rows.h"
#include "stretch.h"
#include "ycbcr.h"

typedef struct pg_vectors {
	// attend computes up to PG_MOST_ROWS rows of a key head. attend_part computes
	// all rows for one part of the keys, and stores them unfinished: sums of values
	// [e, rows], greatest scores [rows], sums of weights [rows]. join adds up the
	// parts of a row, step apart.
	void (*attend)(const pg_attention *op, int64_t key_head, int64_t first, int64_t rows, float *scratch);
	void (*attend_part)(const pg_attention *op, int64_t key_head, int64_t number, float *part, float *scratch);
	void (*join)(const pg_attention *op, int64_t key_head, int64_t row, const float *parts, int64_t step);

	// put stores n numbers at to, as float16 if half.
	void (*put)(const float *x, int64_t n, int half, void *to);

	void (*norm)(const pg_norm *op, int64_t column);
	void (*rope)(const pg_rope *op, int64_t token);
	void (*sum)(const pg_sum *op, int64_t first, int64_t last);
	pg_run_stats (*run_stats)(float y[PG_RUN], int64_t n, float softcap); // overwrites y
	void (*stretch)(const pg_stretch *op, int64_t first, int64_t last);
	void (*rgb)(uint8_t *rgb, const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int64_t n);
	void (*upsample)(uint8_t *out, const uint8_t *near, const uint8_t *far, int64_t n);
} pg_vectors;

// pg_vectors_of returns the functions of a level, of the best supported one for
// PG_AUTO; NULL if there are none.
const pg_vectors *pg_vectors_of(int level);

extern const pg_vectors pg_vectors_avx2, pg_vectors_avx512, pg_vectors_neon;

#endif
