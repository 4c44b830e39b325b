// Products of packed weights: the threads' way through panels, chunks and tiles.
#include "parts.h"

// A work is the scratch memory of a thread.
typedef struct {
	pg_chunk chunk;
	float acc[2][GROUP][MOST_TILES * PG_MAX_COLUMNS][PG_PANEL];
	float y[PG_MOST_COLUMNS][PG_PANEL]; // results that are rounded at once
} work;

// output describes the epilogue of columns [first, last) of panel i of a part: its
// sums and where it stores the result.
static void output(const pg_job *j, const part *p, int64_t i, int64_t first, int64_t last, work *w, pg_finish *f) {
	const pg_linear *op = j->op;
	int64_t sum = first - pg_first_column(j, p->first), row = (p->panel + i) * PG_PANEL, rows = op->out[p->weight].w.m - row;
	f->epilogue = op->epilogue;
	f->rows = rows < PG_PANEL ? (int)rows : PG_PANEL;
	f->columns = (int)(last - first);
	f->acc = w->acc[0][i][sum];
	f->acc1 = w->acc[1][i][sum];
	f->bias = op->out[p->weight].bias ? op->out[p->weight].bias + row : NULL;
	f->bias1 = op->epilogue == PG_GEGLU && op->out[1].bias ? op->out[1].bias + row : NULL;
	f->residual = op->residual && p->weight == 0 ? op->residual + first * op->residual_stride + row : NULL;
	f->residual_stride = op->residual_stride;
	f->y = j->next ? w->y[0] : op->out[p->weight].y + first * op->out[p->weight].y_stride + row;
	f->y_stride = j->next ? PG_PANEL : op->out[p->weight].y_stride;
	f->record = j->next ? pg_record(j->next, row, first, f->columns, &f->record_bytes) : NULL;
}

// fetch prefetches the memory that a finish needs. If it were not inlined, gcc
// would leave it out as a function without effects.
static inline __attribute__((always_inline)) void fetch(const pg_finish *f) {
	if (f->record) {
		for (size_t i = 0; i < f->record_bytes; i += 64)
			__builtin_prefetch(f->record + i, 1);
		return;
	}
	for (int c = 0; c < f->columns; c++) {
		__builtin_prefetch(f->y + c * f->y_stride, 1);
		__builtin_prefetch(f->y + c * f->y_stride + PG_PANEL - 1, 1);
		if (f->residual) {
			__builtin_prefetch(f->residual + c * f->residual_stride);
			__builtin_prefetch(f->residual + c * f->residual_stride + PG_PANEL - 1);
		}
	}
}

// store applies the epilogue to a tile or stream whose sums are complete.
static void store(const pg_job *j, const pg_finish *f) {
	j->level->finish(f);
	if (j->next)
		pg_round_rows(j->next, f->y, f->columns, f->rows, f->record);
}

// product sums a part, for a matrix that may be another than the part's in GeGLU.
// With out it stores the result: each tile as soon as it is summed, because more
// columns of y would not stay in the cache.
static void product(const pg_job *j, int weight, const part *p, work *w, int out) {
	const pg_matrix *m = &j->op->out[weight].w;
	const pg_format *f = pg_format_of(m->type);
	int form = pg_form(j->op, j->level, f);
	const pg_layout *l = &j->layouts[form];
	size_t panel_bytes = pg_panel_bytes(f, m->k), chunk_bytes = (size_t)(l->chunk / f->block) * pg_record_bytes(f);
	const uint8_t *packed = (const uint8_t *)m->packed + (size_t)p->panel * panel_bytes;
	for (int64_t step = 0; step < l->chunks * p->panels; step++) {
		int64_t chunk = step / p->panels, i = step % p->panels;
		const uint8_t *records = packed + (size_t)i * panel_bytes + (size_t)chunk * chunk_bytes;
		pg_tile t = {.f = f, .form = form, .w = records, .chunk = &w->chunk, .halves = l->halves, .first = chunk == 0};
		t.blocks = (int)pg_blocks(l, pg_chunk_rows(l, m->k, chunk));
		t.few = j->op->n <= FEW_COLUMNS;
		size_t column_bytes;
		const uint8_t *act = pg_act_of(j, l, chunk, &column_bytes);
		int done = out && chunk == l->chunks - 1;

		// Tiles prefetch the next chunk of weights meanwhile; where they are few, unpack
		// does so, too.
		const uint8_t *next = records + chunk_bytes;
		if (p->panels > 1)
			next = i + 1 < p->panels ? records + panel_bytes : packed + (size_t)(chunk + 1) * chunk_bytes;
		const uint8_t *end = next + chunk_bytes;
		int64_t lines = (int64_t)chunk_bytes / 64 / (t.blocks * (p->last - p->first)) + 1;
		t.next = next;
		t.lines = (int)(p->last - p->first <= 2 ? lines / 2 : 0);
		next += 64 * t.lines * t.blocks;
		lines -= t.lines;
		j->level->unpack(&t, records);
		int64_t origin = pg_first_column(j, p->first), column = origin;
		for (int64_t tile = p->first; tile < p->last; tile++, column += t.columns) {
			t.columns = (int)(pg_first_column(j, tile + 1) - column);
			t.act = act + (size_t)column * column_bytes;
			t.acc = w->acc[weight != p->weight][i][column - origin];
			t.next = next;
			t.lines = next < end ? (int)lines : 0;
			next += 64 * lines * t.blocks;
			pg_finish finish;
			if (done) {
				output(j, p, i, column, column + t.columns, w, &finish);
				fetch(&finish);
			}
			j->level->tile[form](&t);
			if (done)
				store(j, &finish);
		}
	}
}

// stream is product for one tile of few columns, which takes the time of reading
// weights.
static void stream(const pg_job *j, int weight, const part *p, work *w, int out) {
	const pg_matrix *m = &j->op->out[weight].w;
	const pg_format *f = pg_format_of(m->type);
	int form = pg_form(j->op, j->level, f);
	const pg_layout *l = &j->layouts[form];
	pg_tile t = {.f = f, .form = form, .chunk = &w->chunk, .halves = l->halves, .first = 1, .columns = (int)j->op->n};
	t.w = (const uint8_t *)m->packed + (size_t)p->panel * pg_panel_bytes(f, m->k);
	t.act = l->act;
	t.blocks = (int)(m->k / l->block);
	t.acc = w->acc[weight != p->weight][0][0];
	t.next = t.w + PG_AHEAD; // for floats; other streams prefetch by their records
	t.lines = (int)(pg_record_bytes(f) / 64);
	pg_finish finish;
	if (out) {
		output(j, p, 0, 0, j->op->n, w, &finish);
		fetch(&finish);
	}
	j->level->stream[form](&t);
	if (out)
		store(j, &finish);
}

// compute sums a part by a stream if its columns are few enough, else by tiles.
static void compute(const pg_job *j, int weight, const part *p, work *w, int out) {
	const pg_format *f = pg_format_of(j->op->out[weight].w.type);
	if (j->tiles == 1 && j->op->n <= j->level->stream_columns(f, pg_form(j->op, j->level, f)))
		stream(j, weight, p, w, out);
	else
		product(j, weight, p, w, out);
}

// multiply computes this thread's share of the products.
static void multiply(const pg_job *j, work *w, pg_team *team) {
	sharing s = share(j, team->threads);
	w->chunk.configured = 0;
	for (int64_t first, end; (first = take(j, &s, team, &end)) < s.all;) {
		while (first < end && !pg_stopped(team)) {
			part p = part_of(j, &s, first, end);
			first += p.pieces;
			compute(j, p.weight, &p, w, j->op->epilogue != PG_GEGLU);
			if (j->op->epilogue == PG_GEGLU)
				compute(j, 1, &p, w, 1);
		}
	}
	if (j->level->release)
		j->level->release(&w->chunk);
}

// works_of lays out the memory of all threads and returns its end.
static uint8_t *works_of(void *scratch, int threads, work **w) {
	*w = (work *)pg_round_up((size_t)scratch);
	return (uint8_t *)(*w + threads);
}

size_t pg_linear_scratch(const pg_linear *op, int threads) {
	work *w;
	pg_job j;
	return (size_t)pg_plan(&j, op, threads, pg_widest(op), works_of(NULL, threads, &w)) + 64;
}

void pg_linear_run(const void *linear, int ith, pg_team *team) {
	const pg_linear *op = linear;
	work *w;
	pg_job j;
	pg_plan(&j, op, team->threads, pg_widest(op), works_of(op->scratch, team->threads, &w));
	pg_round_all(&j, ith, team);
	if (!pg_next_phase(team))
		return;
	multiply(&j, &w[ith], team);
}

// plan_both lays out both products alike and returns the end of their memory.
static uint8_t *plan_both(const pg_mlp *op, void *scratch, int threads, pg_job *up, pg_job *down, work **w) {
	int64_t widest = pg_widest(&op->up), other = pg_widest(&op->down);
	widest = other < widest ? other : widest;
	uint8_t *end = pg_plan(up, &op->up, threads, widest, works_of(scratch, threads, w));
	end = pg_plan(down, &op->down, threads, widest, end);
	up->next = down;
	down->counter = PG_JOB_COUNTERS;
	return end;
}

size_t pg_mlp_scratch(const pg_mlp *op, int threads) {
	work *w;
	pg_job up, down;
	return (size_t)plan_both(op, NULL, threads, &up, &down, &w) + 64;
}

void pg_mlp_run(const void *mlp, int ith, pg_team *team) {
	const pg_mlp *op = mlp;
	work *w;
	pg_job up, down;
	plan_both(op, op->up.scratch, team->threads, &up, &down, &w);
	pg_round_all(&up, ith, team);
	if (!pg_next_phase(team))
		return;
	multiply(&up, &w[ith], team);
	if (!pg_next_phase(team))
		return;
	if (pg_has_fixed_scales(&down)) {
		pg_fix_scales(&down, team);
		if (!pg_next_phase(team))
			return;
	}
	multiply(&down, &w[ith], team);
}
