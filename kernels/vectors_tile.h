// All kernels of vectors, the last thing that a vector_<level>.c includes, which
// has defined PG_VECTORS, the name of the level's pg_vectors.
#include "attention_tile.h"

#include "attention_part_tile.h"

#include "best_tile.h"

#include "elementwise_tile.h"

#include "norm_tile.h"

#include "rope_tile.h"

#include "stretch_tile.h"

#include "ycbcr_tile.h"

const pg_vectors PG_VECTORS = {
	.attend = attend,
	.attend_part = attend_part,
	.join = join,
	.norm = norm,
	.rope = rope,
	.sum = sum,
	.best = best,
	.stretch = stretch,
	.rgb = rgb_line,
	.upsample = upsample,
};
