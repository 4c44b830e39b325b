// Activations of a product, rounded into the layouts of a job: see job.h.
#include "job.h"

#include "vector.h"

int64_t pg_widest(const pg_linear *op) {
	const pg_level *level = pg_level_of(op->level);
	int64_t width = PG_MOST_COLUMNS;
	for (int i = 0; i < op->weights; i++) {
		const pg_format *f = pg_format_of(op->out[i].w.type);
		int form = pg_form(op, level, f);
		int most = level->columns[form], streamed = level->stream_columns(f, form);
		if (op->n <= streamed && streamed > most) // one stream, although tiles are narrower
			most = streamed;
		width = most < width ? most : width;
	}
	return width;
}

uint8_t *pg_plan(pg_job *j, const pg_linear *op, int threads, int64_t widest, uint8_t *p) {
	memset(j, 0, sizeof *j);
	j->op = op;
	j->widest = widest;
	j->level = pg_level_of(op->level);
	for (int i = 0; i < op->weights; i++) {
		const pg_format *f = pg_format_of(op->out[i].w.type);
		pg_layout *l = &j->layouts[pg_form(op, j->level, f)];
		l->used = 1;
		l->halves |= f->halves;
	}
	j->tiles = (op->n + widest - 1) / widest;
	int64_t most = widest > PG_MAX_COLUMNS ? PG_PIECE_TILES * PG_MAX_COLUMNS / widest : PG_PIECE_TILES; // tiles of a piece
	j->pieces = (j->tiles + most - 1) / most;
	j->columns = op->n / j->tiles;
	j->wider = op->n % j->tiles;
	for (int form = 0; form < PG_FORMS; form++) {
		pg_layout *l = &j->layouts[form];
		l->block = form == PG_FLOAT ? 1 : 32;
		l->unit = form == PG_FLOAT ? sizeof(float) : (size_t)pg_unit(form, l->halves);
		l->chunk = form == PG_FLOAT ? PG_FLOAT_CHUNK : PG_CHUNK;
		l->chunks = (op->k + l->chunk - 1) / l->chunk;
		l->act = p;
		if (l->used)
			p += pg_round_up((size_t)(op->n * pg_blocks(l, op->k)) * l->unit);
	}
	j->normed = (float *)p;
	if (op->normed)
		p += (size_t)threads * (size_t)(widest * op->k) * sizeof *j->normed;
	return p;
}

// quantize rounds a chunk of a tile. The first column of the tile is at x.
static void quantize(const pg_job *j, int form, int64_t chunk, int64_t tile, const float *x, int64_t x_stride) {
	const pg_layout *l = &j->layouts[form];
	int64_t first = pg_first_column(j, tile), last = pg_first_column(j, tile + 1);
	size_t column;
	uint8_t *act = pg_act_of(j, l, chunk, &column);
	j->level->quantize(form, l->halves, x + chunk * l->chunk, x_stride, (int)(last - first),
		(int)pg_chunk_rows(l, j->op->k, chunk), act + (size_t)first * column);
}

// quantize_all rounds this thread's share of the activations.
static void quantize_all(const pg_job *j, pg_team *team) {
	const pg_linear *op = j->op;
	int64_t before = 0, unit = pg_take(team, j->counter + PG_UNITS, 1);
	for (int form = 0; form < PG_FORMS; form++) {
		const pg_layout *l = &j->layouts[form];
		int64_t units = l->used ? j->tiles * l->chunks : 0;
		for (; unit - before < units; unit = pg_take(team, j->counter + PG_UNITS, 1)) {
			int64_t chunk = (unit - before) / j->tiles, tile = (unit - before) % j->tiles;
			quantize(j, form, chunk, tile, op->x + pg_first_column(j, tile) * op->x_stride, op->x_stride);
		}
		before += units;
	}
}

// norm_all norms activations and rounds them. A thread takes whole columns, as the
// norm needs them.
static void norm_all(const pg_job *j, int ith, pg_team *team) {
	const pg_linear *op = j->op;
	const pg_vectors *v = pg_vectors_of(op->level);
	pg_norm norm = op->norm;
	norm.d = norm.out_step = op->k;
	norm.x_step = op->x_stride;
	norm.out = j->normed + ith * op->k * j->widest;
	for (int64_t tile; (tile = pg_take(team, j->counter + PG_UNITS, 1)) < j->tiles;) {
		int64_t first = pg_first_column(j, tile), last = pg_first_column(j, tile + 1);
		norm.x = op->x + first * op->x_stride;
		for (int64_t c = 0; c < last - first; c++)
			v->norm(&norm, c);
		for (int form = 0; form < PG_FORMS; form++)
			for (int64_t chunk = 0; j->layouts[form].used && chunk < j->layouts[form].chunks; chunk++)
				quantize(j, form, chunk, tile, norm.out, norm.out_step);
	}
}

void pg_round_all(const pg_job *j, int ith, pg_team *team) {
	if (j->op->normed)
		norm_all(j, ith, team);
	else
		quantize_all(j, team);
}

// only_form returns the form of activations of a product of one weight.
static int only_form(const pg_job *j) {
	int form = 0;
	while (!j->layouts[form].used)
		form++;
	return form;
}

uint8_t *pg_record(const pg_job *j, int64_t row, int64_t column, int columns, size_t *bytes) {
	const pg_layout *l = &j->layouts[only_form(j)];
	*bytes = (size_t)columns * l->unit;
	size_t column_bytes;
	uint8_t *act = pg_act_of(j, l, row / l->chunk, &column_bytes) + (size_t)column * column_bytes;
	return act + (size_t)(row % l->chunk / l->block) * *bytes;
}

void pg_round_rows(const pg_job *j, const float *x, int columns, int rows, uint8_t *record) {
	int form = only_form(j);
	j->level->round(form, j->layouts[form].halves, x, columns, rows, record);
}

int pg_has_fixed_scales(const pg_job *j) { return only_form(j) == PG_FIXED; }

void pg_fix_scales(const pg_job *j, pg_team *team) {
	const pg_layout *l = &j->layouts[PG_FIXED];
	for (int64_t unit; (unit = pg_take(team, j->counter + PG_UNITS, 1)) < j->tiles * l->chunks;) {
		int64_t chunk = unit / j->tiles, tile = unit % j->tiles, first = pg_first_column(j, tile);
		size_t bytes;
		uint8_t *act = pg_act_of(j, l, chunk, &bytes) + (size_t)first * bytes;
		j->level->fix_scales((int)(pg_first_column(j, tile + 1) - first), (int)(pg_chunk_rows(l, j->op->k, chunk) / l->block), act);
	}
}
