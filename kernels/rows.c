#include "tile.h"
#include "vector.h"

// Counters of the team.
enum {
	UNITS,
	ROWS,
};

enum { UNIT_BLOCKS = 16 }; // blocks of 32 columns that are rounded at a time

int pg_rows_supported(int type, int64_t k) {
#define ROW(name, ...) case PG_##name:
	switch (type) {
		PG_ROW_LIST(ROW)
		PG_FLOAT_LIST(ROW)
		return pg_packable(type, k, 1);
	}
#undef ROW
	return 0;
}

// quantized reports whether x is rounded, for which act_bytes of memory are needed.
static int quantized(const pg_rows *op) { return pg_format_of(op->type)->planes >= 0; }

static size_t act_bytes(const pg_rows *op) { return ((size_t)op->k / 32 * PG_ROW_BYTES + 63) & ~(size_t)63; }

size_t pg_rows_scratch(const pg_rows *op) {
	return quantized(op) ? act_bytes(op) * (op->precise ? 2 : 1) + 64 : 0;
}

// round_x rounds this thread's share of x and, if rest is not NULL, the error of
// that rounding.
static void round_x(const pg_rows *op, const pg_level *level, uint8_t *act, uint8_t *rest, pg_team *team) {
	int64_t blocks = op->k / 32;
	_Alignas(64) uint8_t records[UNIT_BLOCKS * PG_ROW_UNIT];
	for (int64_t b; (b = pg_take(team, UNITS, UNIT_BLOCKS)) < blocks;) {
		int count = blocks - b < UNIT_BLOCKS ? (int)(blocks - b) : UNIT_BLOCKS;
		const float *x = op->x + b * 32;
		level->quantize(PG_INT8, 0, x, op->k, 1, count, records);
		level->arrange(op->type, records, count, act, b);
		if (!rest)
			continue;
		float left[UNIT_BLOCKS * 32];
		for (int i = 0; i < count * 32; i++) {
			const uint8_t *record = records + i / 32 * PG_ROW_UNIT;
			left[i] = x[i] - pg_row_field(record, PG_ACT_D) * (float)((const int8_t *)record)[i % 32];
		}
		level->quantize(PG_INT8, 0, left, op->k, 1, count, records);
		level->arrange(op->type, records, count, rest, b);
	}
}

// dot stores y for rows [first, last), up to a run.
static void dot(const pg_rows *op, const pg_level *level, const uint8_t *act, const uint8_t *rest, int64_t first,
	int64_t last, float *y) {
	pg_rows run = *op;
	run.first = first;
	run.y = y;
	level->rows(&run, act, first, last);
	if (rest) {
		float more[PG_RUN];
		run.y = more;
		level->rows(&run, rest, first, last);
		for (int64_t i = 0; i < last - first; i++)
			y[i] += more[i];
	}
}

void pg_rows_run(const void *rows, int ith, pg_team *team) {
	(void)ith;
	const pg_rows *op = rows;
	const pg_level *level = pg_level_of(op->level);
	const pg_vectors *vectors = pg_vectors_of(op->level);
	uint8_t *act = (uint8_t *)(((size_t)op->scratch + 63) & ~(size_t)63), *rest = NULL;
	if (quantized(op)) {
		if (op->precise)
			rest = act + act_bytes(op);
		round_x(op, level, act, rest, team);
		pg_wait(team);
	}
	int64_t runs = op->picks ? op->picks : (op->last - op->first + PG_RUN - 1) / PG_RUN;

	// A thread prefetches beyond its last run for another thread, so it takes many
	// runs at a time.
	for (int64_t first, end; (first = pg_take_share(team, ROWS, runs, 2 * team->threads, runs, 1, &end)) < runs;) {
		for (; first < end; first++) {
			int64_t at = first * PG_RUN, i = op->picks ? (int64_t)op->runs[first] * PG_RUN : op->first + at;
			int64_t last = i + PG_RUN < op->last ? i + PG_RUN : op->last;
			float sums[PG_RUN], *y = op->stats ? sums : op->y + at;
			dot(op, level, act, rest, i, last, y);
			if (op->stats)
				op->stats[first] = vectors->run_stats(y, last - i, op->softcap);
		}
	}
}
