#include "level.h"

#include <string.h>

enum { UNITS, PANELS }; // counters

// Columns whose sums are kept while the columns of weights are gone through.
enum { MOST_COLUMNS = 288 };

// What a thread works in.
typedef struct {
	pg_chunk chunk;
	float acc[2][MOST_COLUMNS][PG_PANEL];
} work;

// A layout says where the activations of one form lie: chunk after chunk of
// rows, in these tile after tile of columns.
typedef struct {
	int used, wide;
	int64_t tiles;         // of each span
	int64_t chunk, chunks; // rows of a chunk; how many of them
	int64_t block;         // rows of a block
	size_t unit;           // bytes of a column of a block
	uint8_t *act;
} layout;

// The columns are cut into spans, so that their sums fit in a thread's memory
// and every thread has work, and the spans into tiles.
typedef struct {
	const pg_linear *op;
	const pg_level *level;
	int64_t spans;
	layout layouts[PG_FORMS];
	work *works;
} job;

// cut returns where part i of n things begins; all parts are of about one size.
static int64_t cut(int64_t n, int64_t parts, int64_t i) { return n * i / parts; }

static int64_t first_column(const job *j, const layout *l, int64_t span, int64_t tile) {
	int64_t begin = cut(j->op->n, j->spans, span);
	return begin + cut(cut(j->op->n, j->spans, span + 1) - begin, l->tiles, tile);
}

// rows_of is the number of rows of x in a chunk.
static int64_t rows_of(const layout *l, int64_t k, int64_t chunk) {
	int64_t left = k - chunk * l->chunk;
	return left < l->chunk ? left : l->chunk;
}

static uint8_t *act_of(const job *j, const layout *l, int64_t chunk, int64_t column) {
	int64_t before = j->op->n * (l->chunk / l->block) * chunk;
	return l->act + (size_t)(before + column * (rows_of(l, j->op->k, chunk) / l->block)) * l->unit;
}

static size_t round_up(size_t n) { return (n + 63) & ~(size_t)63; }

static int64_t panels_of(const pg_linear *op) {
	int64_t panels = 0;
	for (int i = 0; i < (op->epilogue == PG_GEGLU ? 1 : op->weights); i++)
		panels += pg_panels(op->out[i].w.m);
	return panels;
}

// plan lays a job out and returns the end of its memory.
static uint8_t *plan(job *j, const pg_linear *op, int threads) {
	memset(j, 0, sizeof *j);
	j->op = op;
	j->level = pg_level_of(op->level);
	j->spans = (op->n + MOST_COLUMNS - 1) / MOST_COLUMNS;
	while (panels_of(op) * j->spans < 8 * threads && op->n / j->spans >= 96)
		j->spans++;
	uint8_t *p = (uint8_t *)round_up((size_t)op->scratch);
	j->works = (work *)p;
	p += (size_t)threads * sizeof(work);
	for (int i = 0; i < op->weights; i++) {
		const pg_format *f = pg_format_of(op->out[i].w.type);
		layout *l = &j->layouts[j->level->form(f, op->precise)];
		l->used = 1;
		l->wide |= f->halves;
	}
	for (int form = 0; form < PG_FORMS; form++) {
		layout *l = &j->layouts[form];
		int64_t widest = j->level->columns[form];
		int64_t columns = (op->n + j->spans - 1) / j->spans;
		l->tiles = (columns + widest - 1) / widest;
		l->block = form == PG_FLOAT ? 1 : 32;
		l->unit = form == PG_FLOAT ? sizeof(float) : (size_t)pg_unit(form, l->wide);
		l->chunk = form == PG_FLOAT ? PG_FLOAT_CHUNK : PG_CHUNK;
		l->chunks = (op->k + l->chunk - 1) / l->chunk;
		l->act = p;
		if (l->used)
			p += round_up((size_t)(op->n * (op->k / l->block)) * l->unit);
	}
	return p;
}

size_t pg_linear_scratch(const pg_linear *op, int threads) {
	pg_linear at0 = *op;
	at0.scratch = NULL;
	job j;
	return (size_t)plan(&j, &at0, threads) + 64;
}

// quantize rounds this thread's share of the activations.
static void quantize(const job *j, pg_team *team) {
	const pg_linear *op = j->op;
	int64_t before = 0, unit = pg_take(team, UNITS, 1);
	for (int form = 0; form < PG_FORMS; form++) {
		const layout *l = &j->layouts[form];
		int64_t tiles = j->spans * l->tiles, units = l->used ? tiles * l->chunks : 0;
		for (; unit - before < units; unit = pg_take(team, UNITS, 1)) {
			int64_t chunk = (unit - before) / tiles, span = (unit - before) % tiles / l->tiles;
			int64_t tile = (unit - before) % l->tiles;
			int64_t first = first_column(j, l, span, tile), last = first_column(j, l, span, tile + 1);
			j->level->quantize(form, l->wide, op->x + first * op->x_stride + chunk * l->chunk, op->x_stride,
				(int)(last - first), (int)(rows_of(l, op->k, chunk) / l->block), act_of(j, l, chunk, first));
		}
		before += units;
	}
}

// A part of a product is a panel of a matrix times a span of columns.
typedef struct {
	int weight;
	int64_t panel, span;
} part;

// finish stores what product summed for columns [first, last).
static void finish(const job *j, const part *p, int64_t first, int64_t last, const work *w) {
	const pg_linear *op = j->op;
	int64_t origin = cut(op->n, j->spans, p->span);
	int64_t row = p->panel * PG_PANEL, rows = op->out[p->weight].w.m - row;
	pg_finish f = {.epilogue = op->epilogue, .rows = rows < PG_PANEL ? (int)rows : PG_PANEL};
	f.bias = op->out[p->weight].bias ? op->out[p->weight].bias + row : NULL;
	if (op->epilogue == PG_GEGLU)
		f.bias1 = op->out[1].bias ? op->out[1].bias + row : NULL;
	for (int64_t c = first; c < last; c++) {
		f.acc = w->acc[0][c - origin];
		f.acc1 = w->acc[1][c - origin];
		f.y = op->out[p->weight].y + c * op->out[p->weight].y_stride + row;
		j->level->finish(&f);
	}
}

// expect prefetches what finish writes.
static void expect(const job *j, const part *p, int64_t first, int64_t last) {
	for (int64_t c = first; c < last; c++) {
		const float *y = j->op->out[p->weight].y + c * j->op->out[p->weight].y_stride + p->panel * PG_PANEL;
		__builtin_prefetch(y, 1);
		__builtin_prefetch(y + PG_PANEL - 1, 1);
	}
}

// product sums a panel of a matrix times the columns of a span. With out, it
// stores them as that part of the result: each tile as soon as it is summed, as
// the next product of the same columns would find y's lines gone.
static void product(const job *j, int weight, const part *p, work *w, float (*acc)[PG_PANEL], int out) {
	const pg_matrix *m = &j->op->out[weight].w;
	const pg_format *f = pg_format_of(m->type);
	int form = j->level->form(f, j->op->precise), stream = j->op->n == 1;
	const layout *l = &j->layouts[form];
	const uint8_t *records = (const uint8_t *)m->packed + (size_t)p->panel * pg_panel_bytes(f, m->k);
	size_t chunk_bytes = (size_t)(l->chunk / f->block) * pg_record_bytes(f);
	int64_t origin = first_column(j, l, p->span, 0);
	for (int64_t chunk = 0; chunk < l->chunks; chunk++, records += chunk_bytes) {
		pg_tile t = {.f = f, .form = form, .w = records, .chunk = &w->chunk, .wide = l->wide, .first = chunk == 0};
		t.blocks = (int)(rows_of(l, m->k, chunk) / l->block);
		if (!stream)
			j->level->unpack(&t, records);
		int store = out && chunk == l->chunks - 1;

		// The tiles prefetch the next chunk.
		const uint8_t *next = records + (stream ? PG_AHEAD : chunk_bytes), *end = next + chunk_bytes;
		int64_t lines = (int64_t)chunk_bytes / 64 / (t.blocks * l->tiles) + 1;
		for (int64_t tile = 0; tile < l->tiles; tile++) {
			int64_t column = first_column(j, l, p->span, tile), last = first_column(j, l, p->span, tile + 1);
			t.columns = (int)(last - column);
			t.act = act_of(j, l, chunk, column);
			t.acc = acc[column - origin];
			t.next = next;
			t.lines = next < end ? (int)lines : 0;
			if (store)
				expect(j, p, column, last);
			(stream ? j->level->stream : j->level->tile)[form](&t);
			next += 64 * lines * t.blocks;
			if (store)
				finish(j, p, column, last, w);
		}
	}
}

void pg_linear_run(const void *linear, int ith, pg_team *team) {
	const pg_linear *op = linear;
	job j;
	plan(&j, op, team->threads);
	quantize(&j, team);
	pg_wait(team);

	int64_t items = panels_of(op) * j.spans;
	int64_t take = op->n <= 8 ? items / (8 * team->threads) : 1; // what is read in a row is prefetched
	take = take < 1 ? 1 : take > 8 ? 8 : take;
	work *w = &j.works[ith];
	for (int64_t begin; (begin = pg_take(team, PANELS, take)) < items;) {
		for (int64_t i = begin; i < begin + take && i < items; i++) {
			part p = {0, i / j.spans, i % j.spans};
			while (p.panel >= pg_panels(op->out[p.weight].w.m))
				p.panel -= pg_panels(op->out[p.weight++].w.m);
			product(&j, p.weight, &p, w, w->acc[0], op->epilogue != PG_GEGLU);
			if (op->epilogue == PG_GEGLU)
				product(&j, 1, &p, w, w->acc[1], 1);
		}
	}
}
