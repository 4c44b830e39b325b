#include "vector.h"

// Counters of the team.
enum {
	WORK,
	ROWS,
};

enum { LINE = 64 }; // bytes of a cache line, to which vectors are aligned

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// whole rounds a number of floats up to whole lines.
static int64_t whole(int64_t floats) { return ceil_div(floats, LINE / 4) * (LINE / 4); }

// A cut says how the work of each key head is shared: by rows or, where rows are
// too few for the threads, by parts of the keys.
typedef struct {
	int64_t rows;
	int64_t parts;
	int64_t part, own; // floats of the result of a part, and of a thread's own memory
} cut;

// cut_of returns the cut of op.
static cut cut_of(const pg_attention *op) {
	cut c = {.rows = op->queries * (op->heads / op->key_heads)};
	if (c.rows <= PG_FEW_ROWS) {
		c.parts = ceil_div(op->keys, PG_PART_KEYS);
		c.part = whole(c.rows * (op->e + 2));
		c.own = whole(c.rows * (op->e + PG_PART_KEYS));
	} else {
		c.own = 2 * PG_MOST_ROWS * op->e + 2 * PG_TILE_KEYS * op->e + 2 * PG_TILE_KEYS * PG_TILE_ROWS;
	}
	return c;
}

// step_of returns how many rows a thread takes at a time, for the least time of all
// threads, if loading the keys takes as long as computing 8 rows.
static int64_t step_of(const pg_attention *op, int64_t rows, int threads) {
	int64_t best = 0, least = 0;
	for (int64_t step = PG_TILE_ROWS; step <= PG_MOST_ROWS; step += PG_TILE_ROWS) {
		int64_t time = ceil_div(ceil_div(rows, step) * op->key_heads, threads) * (step + 8);
		if (best == 0 || time < least)
			best = step, least = time;
	}
	return best;
}

size_t pg_attention_scratch(const pg_attention *op, int threads) {
	cut c = cut_of(op);
	return (size_t)(op->key_heads * c.parts * c.part + threads * c.own) * sizeof(float) + LINE;
}

void pg_attention_run(const void *p, int ith, pg_team *team) {
	const pg_attention *op = p;
	const pg_vectors *v = pg_vectors_of(op->level);
	cut c = cut_of(op);
	float *results = (float *)(((uintptr_t)op->scratch + LINE - 1) / LINE * LINE);
	float *own = results + op->key_heads * c.parts * c.part + ith * c.own;
	int64_t i;
	if (c.rows > PG_FEW_ROWS) {
		int64_t step = step_of(op, c.rows, team->threads), steps = ceil_div(c.rows, step);
		while ((i = pg_take(team, WORK, 1)) < op->key_heads * steps) {
			int64_t first = i % steps * step;
			v->attend(op, i / steps, first, c.rows - first < step ? c.rows - first : step, own);
		}
		return;
	}
	while ((i = pg_take(team, WORK, 1)) < op->key_heads * c.parts)
		v->attend_part(op, i / c.parts, i % c.parts, results + i * c.part, own);
	if (!pg_next_phase(team))
		return;
	while ((i = pg_take(team, ROWS, 1)) < op->key_heads * c.rows)
		v->join(op, i / c.rows, i % c.rows, results + i / c.rows * c.parts * c.part, c.part);
}
