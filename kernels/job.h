// A product as its threads see it: how its columns are cut, and where its rounded
// activations lie.
#ifndef PG_JOB_H
#define PG_JOB_H

#include "product.h"
#include "tile.h"
#include <string.h>

// A layout says where the activations of one form lie: chunk after chunk of
// rows, in each chunk tile after tile of columns.
typedef struct {
	int used;
	int halves;            // records have the fields of halves
	int64_t chunk, chunks; // rows of a chunk, and how many chunks
	int64_t block;         // rows of a block
	size_t unit;           // bytes of a column of a block
	uint8_t *act;
} pg_layout;

// A job cuts the columns into pieces, and these into tiles.
typedef struct pg_job {
	const pg_linear *op;
	const pg_level *level;
	int counter; // the first of PG_JOB_COUNTERS of the team
	int64_t tiles, pieces;
	int64_t widest;         // columns that a tile may have
	int64_t columns, wider; // columns of a tile; the first wider tiles have one more
	pg_layout layouts[PG_FORMS];
	float *normed;       // normed columns of a tile, for each thread
	struct pg_job *next; // the product that takes these results as its activations, or NULL
} pg_job;

// Counters of a job.
enum {
	PG_UNITS,
	PG_PANELS,
	PG_JOB_COUNTERS,
};

enum { PG_PIECE_TILES = 12 }; // the most tiles of a piece, if they are tiles of vectors

// pg_first_column returns the first column of a tile.
static inline int64_t pg_first_column(const pg_job *j, int64_t tile) {
	return tile * j->columns + (tile < j->wider ? tile : j->wider);
}

// pg_chunk_rows returns the number of rows of x in a chunk.
static inline int64_t pg_chunk_rows(const pg_layout *l, int64_t k, int64_t chunk) {
	int64_t left = k - chunk * l->chunk;
	return left < l->chunk ? left : l->chunk;
}

// pg_blocks returns the number of blocks that k rows fill: the last block of
// PG_BFLOAT may have fewer rows than the others.
static inline int64_t pg_blocks(const pg_layout *l, int64_t k) { return (k + l->block - 1) / l->block; }

// pg_act_of returns the activations of a chunk, at column 0, and sets the bytes of
// a column of the chunk.
static inline uint8_t *pg_act_of(const pg_job *j, const pg_layout *l, int64_t chunk, size_t *column) {
	*column = (size_t)pg_blocks(l, pg_chunk_rows(l, j->op->k, chunk)) * l->unit;
	return l->act + (size_t)(j->op->n * (l->chunk / l->block) * chunk) * l->unit;
}

static inline size_t pg_round_up(size_t n) { return (n + 63) & ~(size_t)63; }

// pg_form returns the form of activations that weights of a format need. Integer
// scales, which many columns have, round differently than the scales of one column.
static inline int pg_form(const pg_linear *op, const pg_level *level, const pg_format *f) {
	return level->form(f, op->precise, op->uniform ? 1 : op->n);
}

// pg_widest returns the number of columns of the widest tiles that op can have.
int64_t pg_widest(const pg_linear *op);

// pg_plan lays a job out in memory from p on and returns the end of that memory.
// Tiles have up to widest columns.
uint8_t *pg_plan(pg_job *j, const pg_linear *op, int threads, int64_t widest, uint8_t *p);

// pg_round_all rounds this thread's share of the activations, which it norms first
// if op->normed.
void pg_round_all(const pg_job *j, int ith, pg_team *team);

// pg_record returns the record of a panel, whose first row is row, for the tile
// that begins with column, and sets the bytes of the record.
uint8_t *pg_record(const pg_job *j, int64_t row, int64_t column, int columns, size_t *bytes);

// pg_round_rows rounds the rows of a panel, or fewer, of columns PG_PANEL apart.
void pg_round_rows(const pg_job *j, const float *x, int columns, int rows, uint8_t *record);

// pg_has_fixed_scales reports whether scales are integers: then pg_fix_scales must
// make them, after pg_round_rows of all rows.
int pg_has_fixed_scales(const pg_job *j);
void pg_fix_scales(const pg_job *j, pg_team *team);

#endif
