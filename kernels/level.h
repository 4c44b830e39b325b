// What a level must provide to pg_linear_run and pg_rows_dot.
#ifndef PG_LEVEL_H
#define PG_LEVEL_H

#include "format.h"

// PG_ARM is 1 where there are kernels for arm64: older clang does not know the
// target attribute.
#if defined(__aarch64__) && (!defined(__clang__) || __clang_major__ >= 16)
#define PG_ARM 1
#else
#define PG_ARM 0
#endif

enum {
	PG_CHUNK = 512,             // columns that are unpacked at a time
	PG_CHUNK_BLOCKS = 16,       // the same in blocks of 32
	PG_FLOAT_CHUNK = 128,       // the same of float weights
	PG_MAX_COLUMNS = 12,        // no tile is wider
	PG_AHEAD = 6144,            // bytes that streams of one column prefetch ahead
};

// Forms of activations. PG_FIXED is bytes whose scales are integers too: see
// fixed_tile.h.
enum { PG_INT8, PG_INT16, PG_FIXED, PG_FLOAT, PG_FORMS };

// A pg_chunk is what a level makes of up to 512 columns of a panel: unsigned
// bytes or signed 16-bit values, and scales and minimums of 32 rows, per 32
// columns or per 16.
typedef struct pg_chunk {
	_Alignas(64) uint8_t w[PG_CHUNK * PG_PANEL * 2];
	float d[PG_CHUNK_BLOCKS][2][PG_PANEL];
	float m[PG_CHUNK_BLOCKS][2][PG_PANEL];
	int32_t fixed[PG_CHUNK_BLOCKS][PG_PANEL]; // two scales of 16 bits each, for PG_FIXED,
	float unit[PG_PANEL];                     // and what these are multiples of
} pg_chunk;

// Activations of a tile of c columns: for every 32 rows of x a record with c
// times 32 integers, then c times these fields of 4 bytes
//
//	d       scale
//	bias    -PG_BIAS d
//	start   PG_BIAS_BITS - 128 S, where S is the sum of the integers
//	sum     d S
//
// and, if halves, c times these:
//
//	start0, start1, sum0, sum1   start and sum of either 16 rows
//
// bias, start: an integer with |i| < 2^22 added to the bits of 1.5 2^23 are the
// bits of the float 1.5 2^23 + i, so accumulators that begin with start need no
// conversion. d has at most 22 significant bits, for bias to be exact.
//
// The fields of PG_FIXED are
//
//	fixed            two scales of 16 bits, as pg_chunk has them
//	start, rounded   what sums begin with, and the same and a half of what is
//	                 shifted out of them
//	unit             what scales are multiples of
enum { PG_FIELDS = 4, PG_ROW_BYTES = 72 };
#define PG_BIAS 12582912.0f
enum { PG_BIAS_BITS = 0x4b400000 };
#define PG_LEAST 1e-30f // smaller scales of activations are taken for 0

static inline int pg_unit(int form, int halves) { // bytes per column and 32 rows
	return (form == PG_INT16 ? 64 : 32) + 4 * PG_FIELDS * (halves ? 2 : 1);
}

// A pg_tile is one call of a level's inner loop: acc[c][32] (+)= panel x
// columns, over blocks of 32 (or, for floats, over k columns).
typedef struct pg_tile {
	const pg_format *f;
	int form;           // of activations
	const uint8_t *w;   // a chunk's weights, or packed records for streams
	size_t w_step;      // bytes from block to block of unpacked weights
	pg_chunk *chunk;
	const void *act;
	int columns, blocks;
	int first;          // set, not add to, acc
	int wide;           // activation records have the fields of halves
	float *acc;
	const uint8_t *next; // what to prefetch,
	int lines;          // so many lines of it per block
} pg_tile;

typedef struct pg_finish { // an epilogue for columns of a panel
	const float *acc, *acc1; // PG_PANEL apart
	const float *bias, *bias1, *residual; // each may be NULL
	int64_t residual_stride;
	float *y;
	int64_t y_stride;
	int rows, columns, epilogue;
	uint8_t *record; // to which y is then rounded, or NULL
	size_t record_bytes;
} pg_finish;

typedef struct pg_level {
	int columns[PG_FORMS]; // of the widest tile

	// form is the form of n columns of activations that a format's weights need.
	int (*form)(const pg_format *f, int precise, int64_t n);

	// quantize writes the records of c columns and some blocks of x.
	void (*quantize)(int form, int halves, const float *x, int64_t x_stride, int c, int blocks, void *act);

	// round writes the record of 32 rows of c columns, PG_PANEL apart, but for
	// PG_FIXED the scales; for floats rows may be fewer. settle makes integers of
	// the scales of a chunk's records.
	void (*round)(int form, int halves, const float *x, int c, int rows, void *record);
	void (*settle)(int c, int blocks, void *act);

	// unpack prepares a tile's weights: w, w_step and chunk.
	void (*unpack)(pg_tile *t, const uint8_t *records);

	void (*tile[PG_FORMS])(const pg_tile *t);
	void (*stream[PG_FORMS])(const pg_tile *t); // of one column, from packed weights
	void (*finish)(const pg_finish *f);

	// arrange puts records of one column at block b of act, for rows of a type: up
	// to PG_ROW_BYTES for 32 rows of x.
	void (*arrange)(int type, const uint8_t *records, int blocks, uint8_t *act, int64_t b);
	void (*rows)(const pg_rows *op, const void *act, int64_t first, int64_t last);
} pg_level;

// pg_level_of returns a supported level's functions, those of the best for
// PG_AUTO; NULL if there are none.
const pg_level *pg_level_of(int level);

extern const pg_level pg_avx2, pg_avx_vnni, pg_avx512_vnni, pg_neon, pg_neon_i8mm;

#endif
