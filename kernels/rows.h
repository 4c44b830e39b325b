// Products of rows in ggml's own layout and columns of floats.
#ifndef PG_ROWS_H
#define PG_ROWS_H

#include "pool.h"
#include <stddef.h>
#include <stdint.h>

// Quantized types whose rows are read in ggml's layout: X(name). Floats are read,
// too. rows-inl.h unpacks them.
#define PG_ROW_LIST(X) X(Q8_0) X(Q4_0) X(Q4_K) X(Q6_K)

enum { PG_RUN = 64 }; // rows of a run

// A pg_run_stats holds the softmax statistics of the scores of a run: the greatest
// score, its row counted from the run's first, and the sum of exp(score - max). If
// not all scores are finite, max is NaN.
typedef struct pg_run_stats {
	float max, argmax, sum_exp;
} pg_run_stats;

// A pg_rows describes y[i] = row i of W times x, for rows [first, last) of a matrix
// in ggml's own layout, whose rows are row_bytes apart, and each column x. If stats
// is not NULL, y is not stored: stats gets the statistics of each run of PG_RUN rows,
// after the softcap, column after column. If there are picks, a column of y gets that
// many runs of rows [0, last), one after another, PG_RUN apart; runs holds the
// numbers of each column. A column's results are the same to the bit for any n.
typedef struct pg_rows {
	int type;
	int64_t k, first, last;
	const void *rows; // row 0
	size_t row_bytes;
	int64_t n;      // columns
	const float *x; // [k, n]
	int64_t x_stride;
	float *y; // [.., n], where y[0] is the product of row first and x[0]
	int64_t y_stride;
	pg_run_stats *stats; // [runs, n]
	const int32_t *runs; // [picks, n]
	int64_t picks;
	float softcap; // softcap·tanh(score/softcap); 0 for none
	int precise;   // round x to 16 bits instead of 8
	int level;     // a supported level of instruction sets, or PG_AUTO for the best
	void *scratch; // pg_rows_scratch bytes, of any alignment
} pg_rows;

// pg_rows_supported reports whether pg_rows_run can read rows of k values of a
// type.
int pg_rows_supported(int type, int64_t k);

// pg_rows_scratch returns the bytes of scratch memory that op needs on this many
// threads.
size_t pg_rows_scratch(const pg_rows *op, int threads);

// pg_rows_run is a pg_kernel on a pg_rows.
void pg_rows_run(const void *op, int ith, pg_team *team);

#endif
