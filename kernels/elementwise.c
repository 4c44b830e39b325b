#include "vector.h"
#include <string.h>

enum { PIECE = 1 << 13 }; // elements that a thread takes at a time

void pg_sum_run(const void *p, int ith, pg_team *team) {
	(void)ith;
	const pg_sum *op = p;
	const pg_vectors *v = pg_vectors_of(op->level);
	for (int64_t first; (first = pg_take(team, 0, PIECE)) < op->n;)
		v->sum(op, first, first + PIECE < op->n ? first + PIECE : op->n);
}

void pg_unfold_run(const void *p, int ith, pg_team *team) {
	(void)ith;
	const pg_unfold *op = p;
	int64_t side = op->side, across = op->w / side, down = op->h / side;
	for (int64_t row; (row = pg_take(team, 0, 1)) < down;) { // of squares
		for (int64_t column = 0; column < across; column++) {
			float *to = op->out + (row * across + column) * op->step;
			for (int64_t c = 0; c < op->channels; c++) {
				const float *from = op->image + (c * op->h + row * side) * op->w + column * side;
				for (int64_t y = 0; y < side; y++, to += side, from += op->w)
					memcpy(to, from, (size_t)side * sizeof *to);
			}
		}
	}
}
