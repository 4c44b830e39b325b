#include "rows.h"
#include "job.h"
#include "vector.h"

enum { PANELS = PG_RUN / PG_PANEL }; // of a run

// A work is the scratch memory of a thread: up to a chunk of a panel, its bytes if
// they cannot be read in place, and the sums of all columns of a run.
typedef struct {
	pg_chunk chunk;
	_Alignas(64) uint8_t rest[PG_PANEL][PG_CHUNK_BLOCKS * 34];
	_Alignas(64) float acc[][PG_PANEL];
} work;

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

// A job is an op as a product: its columns and their rounded activations.
typedef struct {
	const pg_rows *op;
	const pg_format *f;
	const pg_layout *layout;
	int form;
	pg_linear linear;
	pg_job product;
	uint8_t *works;
	size_t work_bytes;
} job;

// plan lays out the memory of all threads and returns its end. Columns that have
// picks of their own are tiles of their own.
static uint8_t *plan(job *j, const pg_rows *op, void *scratch, int threads) {
	*j = (job){.op = op, .f = pg_format_of(op->type)};
	j->linear = (pg_linear){.x = op->x, .x_stride = op->x_stride, .k = op->k, .n = op->n, .precise = op->precise, .uniform = 1, .level = op->level};
	j->linear.weights = 1;
	j->linear.out[0].w = (pg_matrix){.type = op->type, .k = op->k, .m = op->last};
	j->works = (uint8_t *)pg_round_up((size_t)scratch);
	j->work_bytes = pg_round_up(sizeof(work) + (size_t)(PANELS * op->n) * PG_PANEL * sizeof(float));
	int64_t widest = op->picks ? 1 : pg_widest(&j->linear);
	uint8_t *rounded = j->works + (size_t)threads * j->work_bytes, *end = pg_plan(&j->product, &j->linear, threads, widest, rounded);
	j->form = pg_form(&j->linear, j->product.level, j->f);
	j->layout = &j->product.layouts[j->form];
	return j->f->planes < 0 ? rounded : end; // floats are multiplied by x itself
}

size_t pg_rows_scratch(const pg_rows *op, int threads) {
	job j;
	return (size_t)plan(&j, op, NULL, threads) + 64;
}

// copy copies some bytes of the rows of a part of a panel, with zeros behind them.
static const uint8_t *copy(work *w, const uint8_t *rows, size_t row_bytes, int64_t count, size_t bytes) {
	memset(w->rest, 0, sizeof w->rest);
	for (int64_t i = 0; i < count; i++)
		memcpy(w->rest[i], rows + (size_t)i * row_bytes, bytes);
	return w->rest[0];
}

// multiply adds rows of a chunk, step bytes apart, times the columns of tiles [tile,
// end) to acc.
static void multiply(const job *j, pg_tile t, const uint8_t *rows, size_t step, const uint8_t *act, size_t column_bytes, int64_t tile,
	int64_t end, float (*acc)[PG_PANEL]) {
	const pg_level *level = j->product.level;
	int64_t origin = pg_first_column(&j->product, tile), column = origin, columns = pg_first_column(&j->product, end) - origin;
	if (end - tile == 1 && columns <= level->stream_rows_columns(j->f, j->form)) {
		t.columns = (int)columns;
		t.act = act + (size_t)column * column_bytes;
		t.acc = acc[0];
		level->stream_rows(&t, rows, step);
		return;
	}
	level->unpack_rows(&t, rows, step);
	for (int64_t i = tile; i < end; i++, column += t.columns) {
		t.columns = (int)(pg_first_column(&j->product, i + 1) - column);
		t.act = act + (size_t)column * column_bytes;
		t.acc = acc[column - origin];
		level->tile[j->form](&t);
	}
}

// panel sums quantized rows [first, last) times the columns of tiles [tile, end) into
// acc.
static void panel(const job *j, work *w, int64_t first, int64_t last, int64_t tile, int64_t end, float (*acc)[PG_PANEL]) {
	const pg_rows *op = j->op;
	const pg_layout *l = j->layout;
	const uint8_t *rows = (const uint8_t *)op->rows + (size_t)first * op->row_bytes;
	for (int64_t chunk = 0; chunk < l->chunks; chunk++) {
		pg_tile t = {.f = j->f, .form = j->form, .chunk = &w->chunk, .halves = l->halves, .first = chunk == 0};
		t.blocks = (int)(pg_chunk_rows(l, op->k, chunk) / l->block);
		size_t bytes = (size_t)(t.blocks * 32 / j->f->block * j->f->bytes), step = op->row_bytes, column_bytes;
		const uint8_t *act = pg_act_of(&j->product, l, chunk, &column_bytes), *from = rows;
		if (last - first < PG_PANEL) {
			from = copy(w, rows, step, last - first, bytes);
			step = sizeof w->rest[0];
		}
		multiply(j, t, from, step, act, column_bytes, tile, end, acc);
		rows += bytes;
	}
}

// run computes rows [first, last), up to a run, for the columns of some tiles, into
// panels of acc.
static void run(const job *j, work *w, int64_t first, int64_t last, int64_t tile, int64_t end) {
	int64_t column = pg_first_column(&j->product, tile), columns = pg_first_column(&j->product, end) - column;
	for (int64_t i = 0; first < last; i++, first += PG_PANEL) {
		int64_t stop = first + PG_PANEL < last ? first + PG_PANEL : last;
		if (j->f->planes < 0)
			j->product.level->float_rows(j->op, first, stop, column, columns, w->acc + i * columns);
		else
			panel(j, w, first, stop, tile, end, w->acc + i * columns);
	}
}

// scores copies column c of n columns and some rows of a run to y.
static void scores(const work *w, int64_t c, int64_t n, int64_t rows, float *y) {
	for (int64_t i = 0; i < rows; i += PG_PANEL)
		memcpy(y + i, w->acc[i / PG_PANEL * n + c], (size_t)(rows - i < PG_PANEL ? rows - i : PG_PANEL) * sizeof *y);
}

// end_of returns the end of a run that begins with a row.
static int64_t end_of(const pg_rows *op, int64_t first) { return first + PG_RUN < op->last ? first + PG_RUN : op->last; }

// pick computes pick number i, counted through all columns.
static void pick(const job *j, work *w, int64_t i) {
	const pg_rows *op = j->op;
	int64_t first = (int64_t)op->runs[i] * PG_RUN, last = end_of(op, first), c = i / op->picks;
	run(j, w, first, last, c, c + 1);
	scores(w, 0, 1, last - first, op->y + c * op->y_stride + i % op->picks * PG_RUN);
}

// all computes run number i of the rows from first on, for all columns.
static void all(const job *j, work *w, const pg_vectors *vectors, int64_t i, int64_t runs) {
	const pg_rows *op = j->op;
	int64_t first = op->first + i * PG_RUN, last = end_of(op, first);
	run(j, w, first, last, 0, j->product.tiles);
	for (int64_t c = 0; c < op->n; c++) {
		float y[PG_RUN];
		scores(w, c, op->n, last - first, op->stats ? y : op->y + c * op->y_stride + i * PG_RUN);
		if (op->stats)
			op->stats[c * runs + i] = vectors->run_stats(y, last - first, op->softcap);
	}
}

void pg_rows_run(const void *rows, int ith, pg_team *team) {
	const pg_rows *op = rows;
	const pg_vectors *vectors = pg_vectors_of(op->level);
	job j;
	plan(&j, op, op->scratch, team->threads);
	work *w = (work *)(j.works + (size_t)ith * j.work_bytes);
	if (j.f->planes >= 0) {
		pg_round_all(&j.product, ith, team);
		if (!pg_next_phase(team))
			return;
	}
	int64_t runs = (op->last - op->first + PG_RUN - 1) / PG_RUN, count = op->picks ? op->picks * op->n : runs;

	// A thread prefetches beyond its last run for another thread, so it takes many
	// runs at a time.
	for (int64_t i, end; (i = pg_take_share(team, PG_PANELS, count, 2 * team->threads, count, 1, &end)) < count;) {
		for (; i < end && !pg_stopped(team); i++) {
			if (op->picks)
				pick(&j, w, i);
			else
				all(&j, w, vectors, i, runs);
		}
	}
}
