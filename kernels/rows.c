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

// act_bytes returns the bytes of a rounded column.
static size_t act_bytes(const pg_rows *op) { return ((size_t)op->k / 32 * PG_ROW_BYTES + 63) & ~(size_t)63; }

size_t pg_rows_scratch(const pg_rows *op) {
	return quantized(op) ? (size_t)op->n * act_bytes(op) * (op->precise ? 2 : 1) + 64 : 0;
}

// round_x rounds this thread's share of the columns and, if rest is not NULL, the
// error of that rounding.
static void round_x(const pg_rows *op, const pg_level *level, uint8_t *act, uint8_t *rest, pg_team *team) {
	int64_t blocks = op->k / 32, units = (blocks + UNIT_BLOCKS - 1) / UNIT_BLOCKS;
	_Alignas(64) uint8_t records[UNIT_BLOCKS * PG_ROW_UNIT];
	for (int64_t unit; (unit = pg_take(team, UNITS, 1)) < op->n * units;) {
		int64_t column = unit / units, b = unit % units * UNIT_BLOCKS;
		size_t at = (size_t)column * act_bytes(op);
		int count = blocks - b < UNIT_BLOCKS ? (int)(blocks - b) : UNIT_BLOCKS;
		const float *x = op->x + column * op->x_stride + b * 32;
		level->quantize(PG_INT8, 0, x, op->k, 1, count * 32, records);
		level->arrange(op->type, records, count, act + at, b);
		if (!rest)
			continue;
		float left[UNIT_BLOCKS * 32];
		for (int i = 0; i < count * 32; i++) {
			const uint8_t *record = records + i / 32 * PG_ROW_UNIT;
			left[i] = x[i] - pg_row_field(record, PG_ACT_D) * (float)((const int8_t *)record)[i % 32];
		}
		level->quantize(PG_INT8, 0, left, op->k, 1, count * 32, records);
		level->arrange(op->type, records, count, rest + at, b);
	}
}

// A job is an op with its rounded columns; rest is NULL unless they are precise.
typedef struct {
	const pg_rows *op;
	const pg_level *level;
	const uint8_t *act, *rest;
} job;

// dot stores the products of up to a run, rows [first, last), and up to
// PG_ROW_COLUMNS columns from column on.
static void dot(const job *j, int64_t first, int64_t last, int64_t column, int64_t columns, float *y, int64_t y_stride) {
	pg_rows part = *j->op;
	size_t at = (size_t)column * act_bytes(&part);
	part.first = first;
	part.last = last;
	part.n = columns;
	part.x += column * part.x_stride;
	part.y = y;
	part.y_stride = y_stride;
	j->level->rows(&part, j->act + at, act_bytes(&part));
	if (j->rest) {
		float more[PG_ROW_COLUMNS * PG_RUN];
		part.y = more;
		part.y_stride = PG_RUN;
		j->level->rows(&part, j->rest + at, act_bytes(&part));
		for (int64_t c = 0; c < columns; c++)
			for (int64_t i = 0; i < last - first; i++)
				y[c * y_stride + i] += more[c * PG_RUN + i];
	}
}

// run computes run number i of the rows from first on, for all columns.
static void run(const job *j, const pg_vectors *vectors, int64_t i, int64_t runs) {
	const pg_rows *op = j->op;
	int64_t first = op->first + i * PG_RUN, last = first + PG_RUN < op->last ? first + PG_RUN : op->last;
	for (int64_t c = 0; c < op->n; c += PG_ROW_COLUMNS) {
		int64_t columns = op->n - c < PG_ROW_COLUMNS ? op->n - c : PG_ROW_COLUMNS;
		if (!op->stats) {
			dot(j, first, last, c, columns, op->y + c * op->y_stride + i * PG_RUN, op->y_stride);
			continue;
		}
		float y[PG_ROW_COLUMNS * PG_RUN];
		dot(j, first, last, c, columns, y, PG_RUN);
		for (int64_t l = 0; l < columns; l++)
			op->stats[(c + l) * runs + i] = vectors->run_stats(y + l * PG_RUN, last - first, op->softcap);
	}
}

// pick computes pick number i, counted through all columns.
static void pick(const job *j, int64_t i) {
	const pg_rows *op = j->op;
	int64_t first = (int64_t)op->runs[i] * PG_RUN, last = first + PG_RUN < op->last ? first + PG_RUN : op->last;
	int64_t column = i / op->picks;
	dot(j, first, last, column, 1, op->y + column * op->y_stride + i % op->picks * PG_RUN, op->y_stride);
}

void pg_rows_run(const void *rows, int ith, pg_team *team) {
	(void)ith;
	const pg_rows *op = rows;
	const pg_vectors *vectors = pg_vectors_of(op->level);
	uint8_t *act = (uint8_t *)(((size_t)op->scratch + 63) & ~(size_t)63), *rest = NULL;
	job j = {.op = op, .level = pg_level_of(op->level), .act = act};
	if (quantized(op)) {
		if (op->precise)
			j.rest = rest = act + (size_t)op->n * act_bytes(op);
		round_x(op, j.level, act, rest, team);
		if (!pg_next_phase(team))
			return;
	}
	int64_t runs = (op->last - op->first + PG_RUN - 1) / PG_RUN, all = op->picks ? op->picks * op->n : runs;

	// A thread prefetches beyond its last run for another thread, so it takes many
	// runs at a time.
	for (int64_t first, end; (first = pg_take_share(team, ROWS, all, 2 * team->threads, all, 1, &end)) < all;) {
		for (; first < end; first++) {
			if (op->picks)
				pick(&j, first);
			else
				run(&j, vectors, first, runs);
		}
	}
}
