// Attention without a matrix of scores: out = softmax(softcap(scale·qk) + mask)·v
// (arXiv:1706.03762, equation 1), computed for tiles of queries and keys with a
// running maximum and sum (arXiv:2112.05682, arXiv:2307.08691).
#ifndef PG_ATTENTION_H
#define PG_ATTENTION_H

#include "pool.h"
#include <stddef.h>

// A row of attention is a pair of a query and a head.
enum {
	PG_TILE_ROWS = 64,  // rows that lie across vectors together
	PG_MOST_ROWS = 256, // rows that share a tile of keys
	PG_TILE_KEYS = 96,
	PG_FEW_ROWS = 16, // calls of no more rows cut the keys in parts instead
	PG_PART_KEYS = 128,
};

// Steps are in elements of the tensor that they step over. Rows of e channels
// are contiguous.
typedef struct {
	int64_t queries, keys, heads, key_heads; // heads is a multiple of key_heads
	int64_t e;                               // channels of a head, a multiple of 8
	float scale, softcap;                    // softcap·tanh(score/softcap); 0 for none

	const float *q;
	int64_t q_head, q_token;

	const void *k, *v; // float16 if half, else float32
	int half;
	int64_t k_head, k_token;

	// Keys and values from number turn on lie gap tokens further. Only attend_part reads
	// these: calls of more than PG_FEW_ROWS rows have no gap.
	int64_t turn, gap;

	// Values may lie in rows of e channels per token (v_channel 1), which is
	// faster, or in rows of keys per channel (v_token 1).
	int64_t v_head, v_token, v_channel;

	const float *mask; // added to the scores of each head, [keys, queries]; NULL for none
	int64_t mask_query;

	float *out; // [e heads, queries]
	int64_t out_token;

	int level;     // a supported level of instruction sets, or PG_AUTO for the best
	void *scratch; // pg_attention_scratch bytes
} pg_attention;

// pg_attention_scratch returns the bytes of scratch memory that op needs on this
// many threads.
size_t pg_attention_scratch(const pg_attention *op, int threads);

// pg_attention_run is a pg_kernel on a pg_attention. A query whose scores are all
// -inf gets 0, as in ggml's flash attention.
void pg_attention_run(const void *op, int ith, pg_team *team);

#endif
