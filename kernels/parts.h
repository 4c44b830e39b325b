// Parts of a product: how its threads share panels of weights and pieces of columns.
#ifndef PG_PARTS_H
#define PG_PARTS_H

#include "job.h"

// A thread keeps the sums of up to MOST_TILES tiles and GROUP panels while it goes
// through the chunks of weights: it computes a chunk of all of them before the
// next chunk, while the activations of the chunk are in the cache.
enum { MOST_TILES = 48 };
enum { GROUP = 4 };
enum { FEW_COLUMNS = 8 }; // whose products take about the time of reading weights

// cut returns where part i of n things begins. Parts differ by at most one thing.
static int64_t cut(int64_t n, int64_t parts, int64_t i) { return n * i / parts; }

// panels_of returns the number of panels of op that are stored.
static int64_t panels_of(const pg_linear *op) {
	int64_t panels = 0;
	for (int i = 0; i < (op->epilogue == PG_GEGLU ? 1 : op->weights); i++)
		panels += pg_panels(op->out[i].w.m);
	return panels;
}

// A part of a product is some panels of a matrix times the columns of some tiles.
typedef struct {
	int weight;
	int64_t panel, panels;
	int64_t first, last; // tiles [first, last)
	int64_t pieces;      // that it consists of
} part;

// A sharing says how threads share the pieces of a call. Pieces are ordered by
// spans, and in each span by panels. A span is as many pieces of a panel as a thread
// keeps sums for, so that a group of panels shares activations. Panels of few
// columns take the time of reading them, and are best read in one go.
typedef struct {
	int64_t panels, spans, all;
	int64_t most, share; // a thread takes up to most pieces, and 1/share of the pieces left
	int64_t group;       // panels of a part
} sharing;

// share returns how threads share the pieces of j.
static sharing share(const pg_job *j, int threads) {
	int64_t panels = panels_of(j->op), pieces = MOST_TILES / PG_PIECE_TILES, all = panels * j->pieces;
	sharing s = {panels, (j->pieces + pieces - 1) / pieces, all, pieces * GROUP, 4 * threads, GROUP};
	if (j->op->n <= FEW_COLUMNS) {
		s.most = all;
		s.share = 2 * threads;
		s.group = 1;
	}
	return s;
}

// A span is pieces [first, first + pieces) of each panel.
typedef struct {
	int64_t first, pieces;
} span;

// span_of returns the span of a piece.
static span span_of(const pg_job *j, const sharing *s, int64_t piece) {
	int64_t i = 0;
	while (i < s->spans - 1 && piece >= s->panels * cut(j->pieces, s->spans, i + 1))
		i++;
	int64_t first = cut(j->pieces, s->spans, i);
	return (span){first, cut(j->pieces, s->spans, i + 1) - first};
}

// take returns the first of the next pieces for a thread and sets their end.
static int64_t take(const pg_job *j, const sharing *s, pg_team *team, int64_t *end) {
	int counter = j->counter + PG_PANELS;
	int64_t panel = span_of(j, s, pg_next(team, counter)).pieces;
	return pg_take_share(team, counter, s->all, s->share, s->most, panel, end);
}

// part_of returns the first part of pieces [first, end).
static part part_of(const pg_job *j, const sharing *s, int64_t first, int64_t end) {
	const pg_linear *op = j->op;
	span at = span_of(j, s, first);
	int64_t whole = s->panels * (at.first + at.pieces), count = (end < whole ? end : whole) - first, left;
	first -= s->panels * at.first;
	part p = {.panel = first / at.pieces, .panels = 1};
	int64_t piece = first % at.pieces;
	while (p.panel >= (left = pg_panels(op->out[p.weight].w.m)))
		p.panel -= left, p.weight++;
	while (piece == 0 && p.panels < s->group && p.panels < left - p.panel && (p.panels + 1) * at.pieces <= count)
		p.panels++;
	if (count > at.pieces - piece)
		count = at.pieces - piece;
	p.first = cut(j->tiles, j->pieces, at.first + piece);
	p.last = cut(j->tiles, j->pieces, at.first + piece + count);
	p.pieces = count * p.panels;
	return p;
}

#endif
