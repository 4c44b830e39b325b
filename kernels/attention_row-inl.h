// Addresses that both kinds of attention need. A row is a pair of a query and a
// head; rows of the heads that share a key head are numbered query by query.
#ifndef PG_ATTENTION_ROW_INL_H
#define PG_ATTENTION_ROW_INL_H

#include "attention.h"

// at returns the address of element i, a float16 if half, else a float32.
PG_INLINE const void *at(const void *p, int half, int64_t i) { return (const char *)p + i * (half ? 2 : 4); }

// query and output return the e channels of row i.
PG_INLINE const float *query(const pg_attention *op, int64_t key_head, int64_t i) {
	int64_t group = op->heads / op->key_heads;
	return op->q + (i / group) * op->q_token + (key_head * group + i % group) * op->q_head;
}
PG_INLINE float *output(const pg_attention *op, int64_t key_head, int64_t i) {
	int64_t group = op->heads / op->key_heads;
	return op->out + (i / group) * op->out_token + (key_head * group + i % group) * op->e;
}

#endif
