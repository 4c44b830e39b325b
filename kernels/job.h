// A product as its threads see it: how its columns are cut, and where the rounded
// activations lie.
#ifndef PG_JOB_H
#define PG_JOB_H

#include "level.h"
#include <string.h>

// A layout says where the activations of one form lie: chunk after chunk of
// rows, in these tile after tile of columns.
typedef struct {
	int used, wide;
	int64_t chunk, chunks; // rows of a chunk; how many of them
	int64_t block;         // rows of a block
	size_t unit;           // bytes of a column of a block
	uint8_t *act;
} pg_layout;

// The columns are cut into tiles, and these into pieces.
typedef struct pg_job {
	const pg_linear *op;
	const pg_level *level;
	int counter; // the first of PG_JOB_COUNTERS of the team
	int64_t tiles, pieces;
	int64_t columns, wider; // of each tile; the first wider of them have one more
	pg_layout layouts[PG_FORMS];
	float *normed;         // columns of a tile, for each thread
	struct pg_job *next;   // whose activations the results are, or NULL
} pg_job;

enum { PG_UNITS, PG_PANELS, PG_JOB_COUNTERS };

// A piece is of so many tiles at most.
enum { PG_PIECE_TILES = 12 };

static inline int64_t pg_first_column(const pg_job *j, int64_t tile) {
	return tile * j->columns + (tile < j->wider ? tile : j->wider);
}

// pg_chunk_rows is the number of rows of x in a chunk.
static inline int64_t pg_chunk_rows(const pg_layout *l, int64_t k, int64_t chunk) {
	int64_t left = k - chunk * l->chunk;
	return left < l->chunk ? left : l->chunk;
}

// pg_act_of returns where the activations of a chunk begin, of column 0, and sets
// the bytes of a column of it.
static inline uint8_t *pg_act_of(const pg_job *j, const pg_layout *l, int64_t chunk, size_t *column) {
	*column = (size_t)(pg_chunk_rows(l, j->op->k, chunk) / l->block) * l->unit;
	return l->act + (size_t)(j->op->n * (l->chunk / l->block) * chunk) * l->unit;
}

static inline size_t pg_round_up(size_t n) { return (n + 63) & ~(size_t)63; }

// pg_widest is the number of columns of the widest tiles that op can have.
int64_t pg_widest(const pg_linear *op);

// pg_plan lays a job out from memory p on and returns its end. Tiles have up to
// widest columns.
uint8_t *pg_plan(pg_job *j, const pg_linear *op, int threads, int64_t widest, uint8_t *p);

// pg_round_all rounds this thread's share of the activations, normed first if the
// operation says so.
void pg_round_all(const pg_job *j, int ith, pg_team *team);

// pg_record returns where rows from a panel's first on belong, of the columns of
// the tile that begins with column, and sets the bytes of a block of them.
uint8_t *pg_record(const pg_job *j, int64_t row, int64_t column, int columns, size_t *bytes);

// pg_round_rows rounds a panel's rows or fewer, of columns PG_PANEL apart.
void pg_round_rows(const pg_job *j, const float *x, int columns, int rows, uint8_t *record);

// pg_settles reports whether rounded rows need pg_settle_all when all are there.
int pg_settles(const pg_job *j);
void pg_settle_all(const pg_job *j, pg_team *team);

#endif
