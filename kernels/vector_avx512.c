#ifdef __x86_64__
#include "vector_avx512.h"

#include "attention_tile.h"

#include "attention_part_tile.h"

#include "best_tile.h"

#include "elementwise_tile.h"

#include "norm_tile.h"

#include "rope_tile.h"

const pg_vectors pg_vectors_avx512 = {attend, attend_part, join, norm, rope, store_token, sum, best};
#endif
