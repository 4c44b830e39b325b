#include "vector.h"

enum { TOKENS = 4 }; // that a thread takes at a time

// row_of is the row of a token, -1 if there is none.
static int64_t row_of(const pg_rows_of *out, int64_t token) {
	int64_t row = out->places ? out->places[token] : out->start + token;
	return row >= 0 && row < out->size ? row : -1;
}

void pg_rope_run(const void *p, int ith, pg_team *team) {
	(void)ith;
	const pg_rope *op = p;
	const pg_vectors *v = pg_vectors_of(op->level);
	for (int64_t first, row; (first = pg_take(team, 0, TOKENS)) < op->n;)
		for (int64_t i = first; i < op->n && i < first + TOKENS; i++)
			if ((row = row_of(&op->out, i)) >= 0)
				v->rope(op, i, row);
}

void pg_store_run(const void *p, int ith, pg_team *team) {
	(void)ith;
	const pg_store *op = p;
	const pg_vectors *v = pg_vectors_of(op->level);
	for (int64_t first, row; (first = pg_take(team, 0, TOKENS)) < op->n;)
		for (int64_t i = first; i < op->n && i < first + TOKENS; i++)
			if ((row = row_of(&op->out, i)) >= 0)
				v->store(op, i, row);
}
