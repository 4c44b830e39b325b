#include "vector.h"

#include "level.h"

#include <string.h>

enum { UNITS, PANELS }; // counters

// How many tiles' sums a thread keeps while it goes through the columns of
// weights, and the largest piece of work, near the end the smallest. Of so many
// panels a thread computes a chunk before the next, while its activations are in
// the cache.
enum { MOST_TILES = 48, PIECE_TILES = 12, GROUP = 4 };

// What a thread works in.
typedef struct {
	pg_chunk chunk;
	float acc[2][GROUP][MOST_TILES * PG_MAX_COLUMNS][PG_PANEL];
} work;

// A layout says where the activations of one form lie: chunk after chunk of
// rows, in these tile after tile of columns.
typedef struct {
	int used, wide;
	int64_t chunk, chunks; // rows of a chunk; how many of them
	int64_t block;         // rows of a block
	size_t unit;           // bytes of a column of a block
	uint8_t *act;
} layout;

// The columns are cut into tiles, and these into pieces.
typedef struct {
	const pg_linear *op;
	const pg_level *level;
	int64_t tiles, pieces;
	int64_t columns, wider; // of each tile; the first wider of them have one more
	layout layouts[PG_FORMS];
	work *works;
	float *normed; // columns of a tile, for each thread
} job;

// cut returns where part i of n things begins; all parts are of about one size.
static int64_t cut(int64_t n, int64_t parts, int64_t i) { return n * i / parts; }

static int64_t first_column(const job *j, int64_t tile) {
	return tile * j->columns + (tile < j->wider ? tile : j->wider);
}

// rows_of is the number of rows of x in a chunk.
static int64_t rows_of(const layout *l, int64_t k, int64_t chunk) {
	int64_t left = k - chunk * l->chunk;
	return left < l->chunk ? left : l->chunk;
}

// act_of returns where the activations of a chunk begin, of column 0, and sets
// the bytes of a column of it.
static uint8_t *act_of(const job *j, const layout *l, int64_t chunk, size_t *column) {
	*column = (size_t)(rows_of(l, j->op->k, chunk) / l->block) * l->unit;
	return l->act + (size_t)(j->op->n * (l->chunk / l->block) * chunk) * l->unit;
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
	uint8_t *p = (uint8_t *)round_up((size_t)op->scratch);
	j->works = (work *)p;
	p += (size_t)threads * sizeof(work);
	int64_t width = PG_MAX_COLUMNS;
	for (int i = 0; i < op->weights; i++) {
		const pg_format *f = pg_format_of(op->out[i].w.type);
		int form = j->level->form(f, op->precise, op->n);
		j->layouts[form].used = 1;
		j->layouts[form].wide |= f->halves;
		if (j->level->columns[form] < width)
			width = j->level->columns[form];
	}
	j->tiles = (op->n + width - 1) / width;
	j->pieces = (j->tiles + PIECE_TILES - 1) / PIECE_TILES;
	j->columns = op->n / j->tiles;
	j->wider = op->n % j->tiles;
	for (int form = 0; form < PG_FORMS; form++) {
		layout *l = &j->layouts[form];
		l->block = form == PG_FLOAT ? 1 : 32;
		l->unit = form == PG_FLOAT ? sizeof(float) : (size_t)pg_unit(form, l->wide);
		l->chunk = form == PG_FLOAT ? PG_FLOAT_CHUNK : PG_CHUNK;
		l->chunks = (op->k + l->chunk - 1) / l->chunk;
		l->act = p;
		if (l->used)
			p += round_up((size_t)(op->n * (op->k / l->block)) * l->unit);
	}
	j->normed = (float *)p;
	if (op->normed)
		p += (size_t)threads * (size_t)(PG_MAX_COLUMNS * op->k) * sizeof *j->normed;
	return p;
}

size_t pg_linear_scratch(const pg_linear *op, int threads) {
	pg_linear at0 = *op;
	at0.scratch = NULL;
	job j;
	return (size_t)plan(&j, &at0, threads) + 64;
}

// quantize rounds a chunk of a tile, whose first column is at x.
static void quantize(const job *j, int form, int64_t chunk, int64_t tile, const float *x, int64_t x_stride) {
	const layout *l = &j->layouts[form];
	int64_t first = first_column(j, tile), last = first_column(j, tile + 1);
	size_t column;
	uint8_t *act = act_of(j, l, chunk, &column);
	j->level->quantize(form, l->wide, x + chunk * l->chunk, x_stride, (int)(last - first),
		(int)(rows_of(l, j->op->k, chunk) / l->block), act + (size_t)first * column);
}

// quantize_all rounds this thread's share of the activations.
static void quantize_all(const job *j, pg_team *team) {
	const pg_linear *op = j->op;
	int64_t before = 0, unit = pg_take(team, UNITS, 1);
	for (int form = 0; form < PG_FORMS; form++) {
		const layout *l = &j->layouts[form];
		int64_t units = l->used ? j->tiles * l->chunks : 0;
		for (; unit - before < units; unit = pg_take(team, UNITS, 1)) {
			int64_t chunk = (unit - before) / j->tiles, tile = (unit - before) % j->tiles;
			quantize(j, form, chunk, tile, op->x + first_column(j, tile) * op->x_stride, op->x_stride);
		}
		before += units;
	}
}

// norm_all norms the activations first, so a thread's share is whole columns.
static void norm_all(const job *j, int ith, pg_team *team) {
	const pg_linear *op = j->op;
	const pg_vectors *v = pg_vectors_of(op->level);
	pg_norm norm = op->norm;
	norm.d = norm.out_step = op->k;
	norm.x_step = op->x_stride;
	norm.out = j->normed + ith * op->k * PG_MAX_COLUMNS;
	for (int64_t tile; (tile = pg_take(team, UNITS, 1)) < j->tiles;) {
		int64_t first = first_column(j, tile), last = first_column(j, tile + 1);
		norm.x = op->x + first * op->x_stride;
		for (int64_t c = 0; c < last - first; c++)
			v->norm(&norm, c);
		for (int form = 0; form < PG_FORMS; form++)
			for (int64_t chunk = 0; j->layouts[form].used && chunk < j->layouts[form].chunks; chunk++)
				quantize(j, form, chunk, tile, norm.out, norm.out_step);
	}
}

// A part of a product is some panels of a matrix times the columns of some tiles.
typedef struct {
	int weight;
	int64_t panel, panels;
	int64_t first, last; // tiles [first, last)
	int64_t pieces;      // that it is
} part;

// output describes where columns of a part's panel i are stored, and from which
// sums.
static void output(const job *j, const part *p, int64_t i, int64_t first, int64_t last, const work *w, pg_finish *f) {
	const pg_linear *op = j->op;
	int64_t sum = first - first_column(j, p->first), row = (p->panel + i) * PG_PANEL, rows = op->out[p->weight].w.m - row;
	f->epilogue = op->epilogue;
	f->rows = rows < PG_PANEL ? (int)rows : PG_PANEL;
	f->columns = (int)(last - first);
	f->acc = w->acc[0][i][sum];
	f->acc1 = w->acc[1][i][sum];
	f->y = op->out[p->weight].y + first * op->out[p->weight].y_stride + row;
	f->y_stride = op->out[p->weight].y_stride;
	f->bias = op->out[p->weight].bias ? op->out[p->weight].bias + row : NULL;
	f->bias1 = op->epilogue == PG_GEGLU && op->out[1].bias ? op->out[1].bias + row : NULL;
	f->residual = op->residual && p->weight == 0 ? op->residual + first * op->residual_stride + row : NULL;
	f->residual_stride = op->residual_stride;
}

// fetch brings what a finish needs into the cache. Not inlined, gcc leaves it out
// as a function without effects.
static inline __attribute__((always_inline)) void fetch(const pg_finish *f) {
	for (int c = 0; c < f->columns; c++) {
		__builtin_prefetch(f->y + c * f->y_stride, 1);
		__builtin_prefetch(f->y + c * f->y_stride + PG_PANEL - 1, 1);
		if (f->residual) {
			__builtin_prefetch(f->residual + c * f->residual_stride);
			__builtin_prefetch(f->residual + c * f->residual_stride + PG_PANEL - 1);
		}
	}
}

// product sums a part for a matrix, which in GeGLU may be another. With out, it
// stores the result: each tile as soon as it is summed, as more columns of y
// would not stay in the cache.
static void product(const job *j, int weight, const part *p, work *w, int out) {
	const pg_matrix *m = &j->op->out[weight].w;
	const pg_format *f = pg_format_of(m->type);
	int form = j->level->form(f, j->op->precise, j->op->n);
	const layout *l = &j->layouts[form];
	size_t panel_bytes = pg_panel_bytes(f, m->k), chunk_bytes = (size_t)(l->chunk / f->block) * pg_record_bytes(f);
	const uint8_t *packed = (const uint8_t *)m->packed + (size_t)p->panel * panel_bytes;
	for (int64_t step = 0; step < l->chunks * p->panels; step++) {
		int64_t chunk = step / p->panels, i = step % p->panels;
		const uint8_t *records = packed + (size_t)i * panel_bytes + (size_t)chunk * chunk_bytes;
		pg_tile t = {.f = f, .form = form, .w = records, .chunk = &w->chunk, .wide = l->wide, .first = chunk == 0};
		t.blocks = (int)(rows_of(l, m->k, chunk) / l->block);
		size_t column_bytes;
		const uint8_t *act = act_of(j, l, chunk, &column_bytes);
		int done = out && chunk == l->chunks - 1;

		// The next chunk is prefetched meanwhile: by the tiles, or where these are few
		// by unpack as well.
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
		int64_t origin = first_column(j, p->first), column = origin;
		for (int64_t tile = p->first; tile < p->last; tile++, column += t.columns) {
			t.columns = (int)(first_column(j, tile + 1) - column);
			t.act = act + (size_t)column * column_bytes;
			t.acc = w->acc[weight != p->weight][i][column - origin];
			t.next = next;
			t.lines = next < end ? (int)lines : 0;
			next += 64 * lines * t.blocks;
			pg_finish store;
			if (done) {
				output(j, p, i, column, column + t.columns, w, &store);
				fetch(&store);
			}
			j->level->tile[form](&t);
			if (done)
				j->level->finish(&store);
		}
	}
}

// stream is product for one column, whose time goes into reading weights.
static void stream(const job *j, int weight, const part *p, work *w, int out) {
	const pg_matrix *m = &j->op->out[weight].w;
	const pg_format *f = pg_format_of(m->type);
	int form = j->level->form(f, j->op->precise, 1);
	const layout *l = &j->layouts[form];
	pg_tile t = {.f = f, .form = form, .chunk = &w->chunk, .wide = l->wide, .first = 1, .columns = 1};
	t.w = (const uint8_t *)m->packed + (size_t)p->panel * pg_panel_bytes(f, m->k);
	t.act = l->act;
	t.blocks = (int)(m->k / l->block);
	t.acc = w->acc[weight != p->weight][0][0];
	t.next = t.w + PG_AHEAD;
	t.lines = (int)(pg_record_bytes(f) / 64);
	pg_finish store;
	if (out) {
		output(j, p, 0, 0, 1, w, &store);
		fetch(&store);
	}
	j->level->stream[form](&t);
	if (out)
		j->level->finish(&store);
}

// part_of returns the first part of pieces [first, end), of up to so many panels.
static part part_of(const job *j, int64_t first, int64_t end, int64_t most) {
	const pg_linear *op = j->op;
	part p = {.panel = first / j->pieces, .panels = 1};
	int64_t piece = first % j->pieces, count = end - first, left;
	while (p.panel >= (left = pg_panels(op->out[p.weight].w.m)))
		p.panel -= left, p.weight++;
	while (piece == 0 && p.panels < most && p.panels < left - p.panel && (p.panels + 1) * j->pieces <= count)
		p.panels++;
	if (count > j->pieces - piece)
		count = j->pieces - piece;
	p.first = cut(j->tiles, j->pieces, piece);
	p.last = cut(j->tiles, j->pieces, piece + count);
	p.pieces = count * p.panels;
	return p;
}

// How a call's pieces are shared: most of them that a thread takes at a time, a
// share of what is left, and most panels of a part. Pieces of a panel share its
// weights; panels of one column, which take as long as reading them, what is
// prefetched.
typedef struct {
	int64_t all, most, share, group;
} sharing;

static sharing share(const job *j, int threads) {
	const pg_linear *op = j->op;
	int64_t pieces = MOST_TILES / PIECE_TILES;
	sharing s = {.all = panels_of(op) * j->pieces, .most = pieces, .share = 4 * threads, .group = 1};
	if (op->n <= 8) {
		s.most = s.all;
		s.share = 2 * threads;
	} else if (j->pieces <= pieces) {
		s.group = GROUP;
		s.most = j->pieces * GROUP;
	}
	return s;
}

// take returns the next pieces of work for a thread and how many they are: many
// at first, and one at the end, for no thread to wait long for the others.
static int64_t take(const job *j, const sharing *s, pg_team *team, int64_t *end) {
	int64_t left = s->all - atomic_load_explicit(&team->counter[PANELS].next, memory_order_relaxed), count = left / s->share;
	count = count < 1 ? 1 : count > s->most ? s->most : count;
	if (count > j->pieces)
		count -= count % j->pieces;
	int64_t first = pg_take(team, PANELS, count);
	*end = first + count < s->all ? first + count : s->all;
	return first;
}

void pg_linear_run(const void *linear, int ith, pg_team *team) {
	const pg_linear *op = linear;
	job j;
	plan(&j, op, team->threads);
	sharing s = share(&j, team->threads);
	if (op->normed)
		norm_all(&j, ith, team);
	else
		quantize_all(&j, team);

	pg_wait(team);
	void (*compute)(const job *, int, const part *, work *, int) = op->n == 1 ? stream : product;
	for (int64_t first, end; (first = take(&j, &s, team, &end)) < s.all;) {
		while (first < end) {
			part p = part_of(&j, first, end, s.group);
			first += p.pieces;
			compute(&j, p.weight, &p, &j.works[ith], op->epilogue != PG_GEGLU);
			if (op->epilogue == PG_GEGLU)
				compute(&j, 1, &p, &j.works[ith], 1);
		}
	}
}
