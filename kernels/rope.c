#include "vector.h"

enum { TOKENS = 4 }; // that a thread takes at a time

void pg_rope_run(const void *p, int ith, pg_team *team) {
	(void)ith;
	const pg_rope *op = p;
	const pg_vectors *v = pg_vectors_of(op->level);
	for (int64_t first; (first = pg_take(team, 0, TOKENS)) < op->n;)
		for (int64_t i = first; i < op->n && i < first + TOKENS; i++)
			v->rope(op, i);
}
