// The kernels that are written in terms of vectors of float32: one source for
// all levels of instruction sets. A vector_<level>.c includes the level's
// vectors, vector_<level>.h, and then each kernel's *_tile.h.
#ifndef PG_VECTOR_H
#define PG_VECTOR_H

#include "attention.h"
#include "elementwise.h"
#include "norm.h"
#include "product.h" // the levels
#include "rope.h"
#include "stretch.h"
#include "ycbcr.h"

enum {
	// Attention, where a row is a pair of a query and a head:
	PG_TILE_ROWS = 64,  // that lie across vectors together
	PG_MOST_ROWS = 256, // that share a tile of keys
	PG_TILE_KEYS = 96,
	PG_FEW_ROWS = 16, // up to so many rows, keys are cut in parts instead
	PG_PART_KEYS = 128,
};

typedef struct pg_vectors {
	// attend computes up to PG_MOST_ROWS rows of a key head. attend_part computes
	// all rows for part number of the keys, and leaves them unfinished: sums of
	// values [e, rows], greatest scores [rows], sums of weights [rows]. join adds
	// up the parts of a row, step apart.
	void (*attend)(const pg_attention *op, int64_t key_head, int64_t first, int64_t rows, float *scratch);
	void (*attend_part)(const pg_attention *op, int64_t key_head, int64_t number, float *part, float *scratch);
	void (*join)(const pg_attention *op, int64_t key_head, int64_t row, const float *parts, int64_t step);

	void (*norm)(const pg_norm *op, int64_t column);
	void (*rope)(const pg_rope *op, int64_t token);
	void (*sum)(const pg_sum *op, int64_t first, int64_t last);
	pg_best (*best)(float *y, int64_t n, float softcap); // of up to PG_RUN scores, which it softcaps
	void (*stretch)(const pg_stretch *op, int64_t first, int64_t last);
	void (*rgb)(uint8_t *rgb, const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int64_t n);
	void (*upsample)(uint8_t *out, const uint8_t *near, const uint8_t *far, int64_t n);
} pg_vectors;

// pg_vectors_of returns a level's functions, those of the best for PG_AUTO.
const pg_vectors *pg_vectors_of(int level);

extern const pg_vectors pg_vectors_avx2, pg_vectors_avx512, pg_vectors_neon;

#endif
