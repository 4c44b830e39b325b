// Matrix products over packed weights, and over rows in ggml's own layout.
//
// Weights are packed at load into panels of 32 rows, in about as many bytes as
// ggml's blocks. A product rounds its activations to integers with a scale per
// 32 values, as ggml does, and multiplies integers; float weights are
// multiplied in float32. What a call returns does not depend on the number of
// threads.
#ifndef PG_PRODUCT_H
#define PG_PRODUCT_H

#include "norm.h"
#include <stddef.h>
#include <stdint.h>

// Types of weights: ggml's numbers.
enum {
	PG_F32 = 0,
	PG_F16 = 1,
	PG_Q4_0 = 2,
	PG_Q4_1 = 3,
	PG_Q5_0 = 6,
	PG_Q5_1 = 7,
	PG_Q8_0 = 8,
	PG_Q2_K = 10,
	PG_Q3_K = 11,
	PG_Q4_K = 12,
	PG_Q5_K = 13,
	PG_Q6_K = 14,
	PG_IQ4_NL = 20,
	PG_IQ4_XS = 23,
	PG_BF16 = 30,
};

// Levels: the instruction sets that kernels are written for, slowest first.
enum { PG_AUTO, PG_AVX2, PG_AVX_VNNI, PG_AVX512_VNNI, PG_NEON, PG_NEON_I8MM, PG_LEVELS };

// pg_level_supported reports whether this binary has kernels of a level and
// this processor can run them.
int pg_level_supported(int level);

// pg_best_level is the fastest supported level, PG_AUTO if there is none.
int pg_best_level(void);

// A pg_matrix is a packed matrix of m rows of k values.
typedef struct pg_matrix {
	int type;
	int64_t k, m;
	const void *packed;
} pg_matrix;

enum { PG_PANEL = 32 }; // rows of a panel

// pg_packable reports whether matrices of this type and shape can be packed.
int pg_packable(int type, int64_t k, int64_t m);

// pg_panels is the number of panels of m rows.
int64_t pg_panels(int64_t m);

// pg_packed_bytes is the size of a packed matrix, a multiple of 64; packed
// memory should begin at a multiple of 64.
size_t pg_packed_bytes(int type, int64_t k, int64_t m);

// pg_pack packs panels [first, last) of a matrix whose rows are in ggml's
// layout. Threads may pack different panels at once.
void pg_pack(int type, int64_t k, int64_t m, const void *rows, void *packed, int64_t first, int64_t last);

// What happens to a product before it is stored.
enum {
	PG_PLAIN, // y = Wx + b
	PG_GELU,  // y = gelu(Wx + b), the tanh form
	PG_GEGLU, // y = gelu(W0 x + b0) (W1 x + b1), stored in out[0]
};

// A pg_linear describes y[:,j] = W x[:,j] + b for up to three matrices of the
// same k, and any number of columns. If normed, x[:,j] is normed first; residual
// is added to out[0].
typedef struct pg_linear {
	const float *x;
	int64_t k, n, x_stride; // strides are between columns, in floats
	int normed;
	pg_norm norm;           // of which w, b, centered and eps count
	const float *residual;  // or NULL
	int64_t residual_stride;
	int weights;            // matrices in out
	struct {
		pg_matrix w;
		const float *bias; // m values, or NULL
		float *y;
		int64_t y_stride;
	} out[3];
	int epilogue;
	int precise;   // round activations to 16 bits instead of 8
	int level;     // a supported level, or PG_AUTO for the best
	void *scratch; // pg_linear_scratch bytes, of any alignment
} pg_linear;

// pg_linear_scratch is the scratch memory that op needs on this many threads.
size_t pg_linear_scratch(const pg_linear *op, int threads);

// pg_linear_run is the pg_kernel of a pg_linear.
void pg_linear_run(const void *op, int ith, pg_team *team);

// A pg_mlp is a product down of the result of another, up, which is rounded as
// soon as it is there, and not stored: up has one result, without a residual,
// and down one weight and no norm. Both are of the same columns, level and
// accuracy.
typedef struct pg_mlp {
	pg_linear up, down; // up's scratch is that of both
} pg_mlp;

size_t pg_mlp_scratch(const pg_mlp *op, int threads);
void pg_mlp_run(const void *op, int ith, pg_team *team);

enum { PG_RUN = 64 }; // rows of a pg_best

// A pg_best sums up the scores y of a run of rows: the greatest, its row counted
// from the run's first, and the sum of exp(y - top). If not all scores are
// finite, top is not a number.
typedef struct pg_best {
	float top, row, sum;
} pg_best;

// A pg_rows describes y[i] = row i of W times x for rows [first, last) of a
// matrix in ggml's own layout, whose rows are row_bytes apart. With best, y is
// not stored: each run of PG_RUN rows is summed up instead, after the softcap,
// which is 0 for none. With picks, y is that of so many runs of rows [0, last),
// one run after another, as if all were whole.
typedef struct pg_rows {
	int type;
	int64_t k, first, last;
	const void *rows; // row 0
	size_t row_bytes;
	const float *x;
	float *y; // y[0] is that of row first
	pg_best *best;
	const int32_t *runs; // numbers of runs
	int64_t picks;
	float softcap;
	int precise; // round x to 16 bits instead of 8
	int level;
	void *scratch; // pg_rows_scratch bytes, of any alignment
} pg_rows;

// pg_rows_supported reports whether pg_rows_dot can read rows of a type.
int pg_rows_supported(int type, int64_t k);

// pg_rows_scratch is the scratch memory that op needs.
size_t pg_rows_scratch(const pg_rows *op);

// pg_rows_dot is the pg_kernel of a pg_rows.
void pg_rows_dot(const void *op, int ith, pg_team *team);

#endif
