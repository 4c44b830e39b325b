#include "steps.h"
#include "vector.h"

// Counters of the team.
enum {
	WRITES,
	PARTS,
	ROWS,
};

enum { LINE = 64 }; // bytes of a cache line, to which vectors are aligned

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// whole rounds a number of floats up to whole lines.
static int64_t whole(int64_t floats) { return ceil_div(floats, LINE / 4) * (LINE / 4); }

static int64_t group_of(const pg_steps *op) { return op->heads / op->key_heads; }

// part_floats and own_floats return the floats of a part's result and of a thread's
// own memory.
static int64_t part_floats(const pg_steps *op) { return whole(group_of(op) * (op->e + 2)); }
static int64_t own_floats(const pg_steps *op) { return whole(group_of(op) * (op->e + PG_PART_KEYS)); }

// most_parts returns the most parts that the keys of a row can have.
static int64_t most_parts(const pg_steps *op) { return ceil_div(op->tokens, PG_PART_KEYS); }

size_t pg_steps_scratch(const pg_steps *op, int threads) {
	int64_t results = op->n * op->key_heads * most_parts(op) * part_floats(op);
	return (size_t)(results + threads * own_floats(op)) * sizeof(float) + LINE;
}

static int64_t keys_of(const pg_place *p) { return p->shared + p->to - p->from; }

// cache_of returns the keys or values of a row's cache, which lie offset bytes from
// its address.
static char *cache_of(const pg_steps *op, int64_t row, size_t offset) {
	return (char *)(intptr_t)op->caches[row] + offset;
}

// attention_of describes the attention of one row.
static pg_attention attention_of(const pg_steps *op, int64_t row) {
	const pg_place *p = op->places + row;
	int64_t width = op->e * op->key_heads;
	return (pg_attention){
		.queries = 1,
		.keys = keys_of(p),
		.heads = op->heads,
		.key_heads = op->key_heads,
		.e = op->e,
		.scale = op->scale,
		.softcap = op->softcap,
		.q = op->q + row * op->q_token,
		.q_head = op->q_head,
		.k = cache_of(op, row, op->keys),
		.v = cache_of(op, row, op->values),
		.half = op->half,
		.k_head = op->e,
		.k_token = width,
		.turn = p->shared,
		.gap = p->from - p->shared,
		.v_head = op->e,
		.v_token = width,
		.v_channel = 1,
		.out = op->out + row * op->out_token,
		.level = op->level,
	};
}

// write puts the key and the value of a row in its cache.
static void write(const pg_steps *op, const pg_vectors *v, int64_t row) {
	int64_t width = op->e * op->key_heads;
	size_t at = (size_t)(op->places[row].at * width) * (op->half ? 2 : 4);
	for (int64_t head = 0; head < op->key_heads; head++, at += (size_t)op->e * (op->half ? 2 : 4)) {
		v->put(op->k + row * op->k_token + head * op->k_head, op->e, op->half, cache_of(op, row, op->keys) + at);
		v->put(op->v + row * op->v_token + head * op->v_head, op->e, op->half, cache_of(op, row, op->values) + at);
	}
}

void pg_steps_run(const void *steps, int ith, pg_team *team) {
	const pg_steps *op = steps;
	const pg_vectors *v = pg_vectors_of(op->level);
	int64_t most = most_parts(op), part = part_floats(op), i;
	float *results = (float *)(((uintptr_t)op->scratch + LINE - 1) / LINE * LINE);
	float *own = results + op->n * op->key_heads * most * part + ith * own_floats(op);
	while ((i = pg_take(team, WRITES, 1)) < op->n)
		write(op, v, i);
	if (!pg_next_phase(team))
		return; // a row may see the key of another

	// Parts are numbered row by row, and in a row key head by key head. Their size is
	// fixed, so the sums of a row depend on its own keys only.
	int64_t row = 0, before = 0, all;
	while ((i = pg_take(team, PARTS, 1)), row < op->n) {
		while (row < op->n && i - before >= (all = op->key_heads * ceil_div(keys_of(op->places + row), PG_PART_KEYS)))
			before += all, row++;
		if (row == op->n)
			break;
		pg_attention a = attention_of(op, row);
		int64_t parts = ceil_div(a.keys, PG_PART_KEYS), head = (i - before) / parts, number = (i - before) % parts;
		v->attend_part(&a, head, number, results + ((row * op->key_heads + head) * most + number) * part, own);
	}
	if (!pg_next_phase(team))
		return;
	while ((i = pg_take(team, ROWS, 1)) < op->n * op->heads) {
		int64_t group = group_of(op), shared = i / group;
		pg_attention a = attention_of(op, shared / op->key_heads);
		v->join(&a, shared % op->key_heads, i % group, results + shared * most * part, part);
	}
}
