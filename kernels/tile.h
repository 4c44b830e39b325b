// Tiles: the inner loops of products and of rows. Each level of instruction sets
// has its own, in a pg_level; here is the memory that they read and write.
#ifndef PG_TILE_H
#define PG_TILE_H

#include "level.h"
#include "pack.h"
#include "rows.h"

enum {
	PG_CHUNK = 512,       // columns that are unpacked at a time
	PG_CHUNK_BLOCKS = 16, // the same in blocks of 32
	PG_FLOAT_CHUNK = 128, // columns of float weights that are unpacked at a time
	PG_MAX_COLUMNS = 12,  // of the widest tile of vectors
	PG_MOST_COLUMNS = 32, // of the widest tile
	PG_AHEAD = 6144,      // bytes that streams prefetch ahead, into the second-level cache
};

// Forms of activations.
enum {
	PG_INT8,   // integers of 8 bits
	PG_INT16,  // integers of 16 bits
	PG_FIXED,  // integers of 8 bits, with scales that are integers: see fixed_tile-inl.h
	PG_BFLOAT, // bfloat16: see bfloat.h
	PG_FLOAT,
	PG_FORMS,
};

// A pg_chunk holds up to 512 columns of a panel, unpacked: unsigned bytes or
// signed 16-bit values, and scales and minimums of 32 rows, for every 32 columns
// or for every 16.
typedef struct pg_chunk {
	_Alignas(64) uint8_t w[PG_CHUNK * PG_PANEL * 2];
	float d[PG_CHUNK_BLOCKS][2][PG_PANEL];
	float m[PG_CHUNK_BLOCKS][2][PG_PANEL];
	int32_t fixed[PG_CHUNK_BLOCKS][PG_PANEL]; // for PG_FIXED: two scales of 16 bits each,
	float unit[PG_PANEL];                     // and the units that they are multiples of
	int configured;                           // columns that AMX's registers are set up for, or 0,
	uint8_t before[64];                       // and how they were set up before
} pg_chunk;

// The activations of a tile of c columns are records, one for every 32 rows of
// x: c times 32 integers, then for each column the first PG_FIELDS of these
// fields of 4 bytes, then, if halves, for each column the others.
//
// An integer i with |i| < 2^22, added to the bits of 1.5 2^23, gives the bits of
// the float 1.5 2^23 + i. So sums of integers that begin with a start need no
// conversion to float. d has at most 22 significant bits, so that bias is exact.
enum {
	PG_ACT_D,     // scale
	PG_ACT_BIAS,  // -PG_BIAS d
	PG_ACT_START, // PG_BIAS_BITS - 128 S, where S is the sum of the integers
	PG_ACT_SUM,   // d S
	PG_FIELDS,
	PG_ACT_START0 = PG_FIELDS, // start of the first 16 rows
	PG_ACT_START1,             // start of the other 16 rows
	PG_ACT_SUM0,               // sum of the first 16 rows
	PG_ACT_SUM1,               // sum of the other 16 rows
};

// The fields of PG_FIXED.
enum {
	PG_FIXED_SCALES,  // two scales of 16 bits, as in a pg_chunk
	PG_FIXED_START,   // begins a sum
	PG_FIXED_ROUNDED, // begins a sum that is shifted: start and a half of the last bit
	PG_FIXED_UNIT,    // scales are multiples of it
};

#define PG_BIAS 12582912.0f
enum { PG_BIAS_BITS = 0x4b400000 };
#define PG_LEAST 1e-30f // scales of activations below this count as 0

// pg_unit returns the bytes of a record per column.
static inline int pg_unit(int form, int halves) {
	if (form == PG_BFLOAT)
		return 64;
	return (form == PG_INT16 ? 64 : 32) + 4 * PG_FIELDS * (halves ? 2 : 1);
}

// A pg_tile is one call of an inner loop: acc[c][32] (+)= panel x columns, over
// blocks of 32 columns of weights (for floats, over single columns).
typedef struct pg_tile {
	const pg_format *f;
	int form;         // of activations
	const uint8_t *w; // unpacked weights of a chunk, or packed records for streams
	size_t w_step;    // bytes from block to block of unpacked weights
	pg_chunk *chunk;
	const void *act;
	int columns, blocks;
	int first;  // set acc instead of adding to it
	int halves; // activations have the fields of halves
	float *acc;
	const uint8_t *next; // memory to prefetch,
	int lines;           // this many lines of it per block
	int few;             // so few columns use these weights that unpacking may not pay
} pg_tile;

// A pg_finish is the epilogue of some columns of a panel.
typedef struct pg_finish {
	const float *acc, *acc1;              // columns are PG_PANEL apart
	const float *bias, *bias1, *residual; // each may be NULL
	int64_t residual_stride;
	float *y;
	int64_t y_stride;
	int rows, columns, epilogue;
	uint8_t *record; // where y is then rounded to, or NULL
	size_t record_bytes;
} pg_finish;

// A pg_level holds the functions of one level.
typedef struct pg_level {
	int columns[PG_FORMS]; // of the widest tile of each form

	// form returns the form in which weights of a format need n columns of
	// activations.
	int (*form)(const pg_format *f, int precise, int64_t n);

	// quantize writes the records of c columns of some rows of x.
	void (*quantize)(int form, int halves, const float *x, int64_t x_stride, int c, int rows, void *act);

	// round writes the record of 32 rows of c columns, PG_PANEL apart. Floats may
	// be of fewer rows. The scales of PG_FIXED remain floats, until fix_scales makes
	// integers of all scales of a chunk.
	void (*round)(int form, int halves, const float *x, int c, int rows, void *record);
	void (*fix_scales)(int c, int blocks, void *act);

	// unpack prepares the weights of a tile: w, w_step and chunk.
	void (*unpack)(pg_tile *t, const uint8_t *records);

	void (*tile[PG_FORMS])(const pg_tile *t);
	void (*release)(pg_chunk *chunk); // ends a thread's tiles; may be NULL

	// stream is a tile that reads packed weights in place, of at most as many columns as
	// stream_columns returns for a form of activations.
	int (*stream_columns)(const pg_format *f, int form);
	void (*stream[PG_FORMS])(const pg_tile *t);

	void (*finish)(const pg_finish *f);

	// unpack_rows is unpack for quantized rows of a panel in ggml's layout, step bytes
	// apart; stream_rows multiplies such rows by one column, or as many as
	// stream_rows_columns returns. float_rows stores the products of up to a panel of
	// rows [first, last) of floats and some columns, PG_PANEL apart.
	void (*unpack_rows)(pg_tile *t, const uint8_t *rows, size_t step);
	int (*stream_rows_columns)(const pg_format *f, int form);
	void (*stream_rows)(const pg_tile *t, const uint8_t *rows, size_t step);
	void (*float_rows)(const pg_rows *op, int64_t first, int64_t last, int64_t column, int64_t columns, float (*y)[PG_PANEL]);
} pg_level;

// pg_level_of returns the functions of a level, of the best supported one for
// PG_AUTO; NULL if there are none.
const pg_level *pg_level_of(int level);

extern const pg_level pg_avx2, pg_avx_vnni, pg_avx512_vnni, pg_avx512_bf16, pg_amx_bf16, pg_neon, pg_neon_i8mm;

#endif
