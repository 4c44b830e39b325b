// Products of packed weights and columns of activations.
//
// Weights are packed at load into panels of 32 rows, in about as many bytes as
// ggml's blocks. A product rounds its activations to integers with a scale per
// 32 values, as ggml does, and multiplies integers; float weights are
// multiplied in float32, or bfloat16 by bfloat16: see bfloat.h. Results do not
// depend on the number of threads.
#ifndef PG_PRODUCT_H
#define PG_PRODUCT_H

#include "norm.h"
#include "pack.h"

// The epilogue of a product is applied before its result is stored.
enum {
	PG_PLAIN, // y = Wx + b
	PG_GELU,  // y = gelu(Wx + b), the tanh form
	PG_GEGLU, // y = gelu(W0 x + b0) (W1 x + b1), stored in out[0]
};

// A pg_linear describes y[:,j] = W x[:,j] + b for up to three matrices of the
// same k, and any number of columns. If normed, x[:,j] is normed first. The
// residual is added to out[0].
typedef struct pg_linear {
	const float *x;         // [k, n]
	int64_t k, n, x_stride; // strides are floats from column to column
	int normed;
	pg_norm norm;          // its w, b, centered and eps are used
	const float *residual; // [out[0].w.m, n], or NULL
	int64_t residual_stride;
	int weights; // matrices in out
	struct {
		pg_matrix w;       // [k, m]
		const float *bias; // [m], or NULL
		float *y;          // [m, n]
		int64_t y_stride;
	} out[3];
	int epilogue;
	int precise;   // round activations to 16 bits instead of 8, and not to bfloat16
	int uniform;   // a column's result is the same to the bit for any n
	int level;     // a supported level of instruction sets, or PG_AUTO for the best
	void *scratch; // pg_linear_scratch bytes, of any alignment
} pg_linear;

// pg_linear_scratch returns the bytes of scratch memory that op needs on this
// many threads.
size_t pg_linear_scratch(const pg_linear *op, int threads);

// pg_linear_run is a pg_kernel on a pg_linear.
void pg_linear_run(const void *op, int ith, pg_team *team);

// A pg_mlp multiplies down by the result of up, which is rounded as soon as it is
// computed, and not stored. up has one result and no residual, down one weight
// and no norm. Both have the same columns, level and precision.
typedef struct pg_mlp {
	pg_linear up, down; // the scratch memory of up serves both
} pg_mlp;

// pg_mlp_scratch returns the bytes of scratch memory that op needs on this many
// threads.
size_t pg_mlp_scratch(const pg_mlp *op, int threads);

// pg_mlp_run is a pg_kernel on a pg_mlp.
void pg_mlp_run(const void *op, int ith, pg_team *team);

#endif
