#include "level.h"
#include "vector.h"

enum { UNITS, ROWS }; // counters

enum { UNIT_BLOCKS = 16 }; // blocks of 32 columns that are rounded at a time

int pg_rows_supported(int type, int64_t k) {
	switch (type) {
	case PG_F32: case PG_F16: case PG_BF16: case PG_Q8_0: case PG_Q4_0: case PG_Q4_K: case PG_Q6_K:
		return pg_packable(type, k, 1);
	}
	return 0;
}

size_t pg_rows_scratch(const pg_rows *op) {
	return pg_format_of(op->type)->planes < 0 ? 0 : (size_t)op->k / 32 * (size_t)pg_unit(PG_INT8, 0) + 64;
}

void pg_rows_dot(const void *rows, int ith, pg_team *team) {
	(void)ith;
	const pg_rows *op = rows;
	const pg_level *level = pg_level_of(op->level);
	uint8_t *act = (uint8_t *)(((size_t)op->scratch + 63) & ~(size_t)63);
	if (pg_format_of(op->type)->planes >= 0) {
		int64_t blocks = op->k / 32, unit = pg_unit(PG_INT8, 0);
		for (int64_t b; (b = pg_take(team, UNITS, UNIT_BLOCKS)) < blocks;) {
			int count = blocks - b < UNIT_BLOCKS ? (int)(blocks - b) : UNIT_BLOCKS;
			level->quantize(PG_INT8, 0, op->x + b * 32, op->k, 1, count, act + b * unit);
		}
		pg_wait(team);
	}
	const pg_vectors *vectors = pg_vectors_of(op->level);
	for (int64_t i; (i = op->first + pg_take(team, ROWS, PG_RUN)) < op->last;) {
		int64_t end = i + PG_RUN < op->last ? i + PG_RUN : op->last;
		if (!op->best) {
			level->rows(op, act, i, end);
			continue;
		}
		float y[PG_RUN];
		pg_rows run = *op;
		run.first = i;
		run.y = y;
		level->rows(&run, act, i, end);
		op->best[(i - op->first) / PG_RUN] = vectors->best(y, end - i, op->softcap);
	}
}
