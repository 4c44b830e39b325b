// The kernels of vector.h for one instruction set. A vector_<set>.c includes this
// last; it has included vector_<set>.h and defined PG_VECTORS, the name of its
// pg_vectors.
#ifndef PG_VECTORS_INL_H
#define PG_VECTORS_INL_H

#include "attention_part-inl.h"
#include "attention_tile-inl.h"
#include "run_stats-inl.h"
#include "elementwise-inl.h"
#include "norm-inl.h"
#include "rope-inl.h"
#include "stretch-inl.h"
#include "vector.h"
#include "ycbcr-inl.h"

const pg_vectors PG_VECTORS = {
	.attend = attend,
	.attend_part = attend_part,
	.join = join,
	.put = put,
	.norm = norm,
	.rope = rope,
	.sum = sum,
	.run_stats = run_stats,
	.stretch = stretch,
	.rgb = rgb_line,
	.upsample = upsample,
};

#endif
