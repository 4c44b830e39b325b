// Attention of a step: the next tokens of several sequences, a row each, over the
// caches of their sequences.
#ifndef PG_STEPS_H
#define PG_STEPS_H

#include "pool.h"
#include <stddef.h>

// A pg_place says where a row's key and value go in its cache, and which keys it then
// sees: those at places [0, shared) and [from, to).
typedef struct pg_place {
	int32_t at, shared, from, to; // 0 <= at < tokens, 0 <= shared <= from <= to <= tokens
} pg_place;

// A pg_steps writes keys and values to caches and then computes, for each row,
// out = softmax(softcap(scale·qk))·v over the keys that the row sees
// (arXiv:1706.03762, equation 1). A row's result is the same to the bit whatever the
// others are, and wherever its second range of keys begins. Steps are in elements of
// the tensor that they step over. Rows of e channels are contiguous.
typedef struct pg_steps {
	int64_t n, heads, key_heads; // rows; heads is a multiple of key_heads
	int64_t e;                   // channels of a head, a multiple of 8
	float scale, softcap;        // softcap·tanh(score/softcap); 0 for none

	const float *q, *k, *v; // of the rows
	int64_t q_head, q_token, k_head, k_token, v_head, v_token;

	// A cache has a row of e·key_heads channels per token, of keys and of values, which
	// lie keys and values bytes from its address.
	const int64_t *caches;  // [n], addresses
	const pg_place *places; // [n]
	int64_t tokens;         // that a cache has room for
	size_t keys, values;
	int half; // caches are float16, else float32

	float *out; // [e heads, n]
	int64_t out_token;

	int level;     // a supported level of instruction sets, or PG_AUTO for the best
	void *scratch; // pg_steps_scratch bytes
} pg_steps;

// pg_steps_scratch returns the bytes of scratch memory that op needs on this many
// threads.
size_t pg_steps_scratch(const pg_steps *op, int threads);

// pg_steps_run is a pg_kernel on a pg_steps.
void pg_steps_run(const void *op, int ith, pg_team *team);

#endif
