// What the templates of tiles and rows share. They are compiled once for each
// level, by a product_<level>.c, which has before included its vectors and
// integers, and defined
//
//	PG_KERNEL     the attribute of functions: the instruction set
//	PG_DOT        the same and always_inline
//	SUMS          1 if the sums of a tile fit in registers beside its integers
//	NARROW        1 if products of bytes saturate: unpacked weights then keep
//	              their own range instead of being bytes around 128
//	STREAM_FORM   the form of activations for a plane, if they need not be
//	              precise
//
// and, where they differ from the defaults below,
//
//	CENTER        the center of unpacked bytes: 128, or 0 for signed bytes, which
//	              iwiden then extends
//	WIDE          1 if tiles of floats have up to 12 columns
//	FIXED         for tiles whose scales are integers: see fixed_tile-inl.h
//	BFLOATS       1 if some levels have products of bfloat16: see bfloat.h
//	STREAM_COLUMNS  columns of the widest streams: 1 or 6
//	STREAM_WIDTH    of the widest streams of a plane, at most STREAM_COLUMNS
//	ROW_COLUMNS     columns that row_columns multiplies at most: 1 or 4
//	PAIRS         1 if unpacked weights and activations lie in pairs of rows and
//	              of columns, 8 values of each in turn; ipair then gives the
//	              first or last pairs of rows of two groups of columns
//
// A tile is 2 vectors of rows times up to 6 columns.
#ifndef PG_TILE_INL_H
#define PG_TILE_INL_H

#include "tile.h"
#include <string.h>

#ifndef CENTER
#define CENTER 128
#endif
#ifndef WIDE
#define WIDE SUMS
#endif
#ifndef FIXED
#define FIXED 0
#endif
#ifndef BFLOATS
#define BFLOATS 0
#endif
#ifndef STREAM_COLUMNS
#define STREAM_COLUMNS 1
#endif
#ifndef STREAM_WIDTH // planes that are not plain make their scales anew for each record
#define STREAM_WIDTH(plane) (plain(plane) ? STREAM_COLUMNS : 1)
#endif
#ifndef ROW_COLUMNS
#define ROW_COLUMNS 1
#endif
#ifndef PAIRS
#define PAIRS 0
#define ipair(a, b, rows) (a)
#endif

#ifdef __SANITIZE_ADDRESS__ // with which unrolled code takes hours to compile
#define UNROLL
#elif defined(__clang__) // which would unroll loops before it knows how long they are
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define ONCE _Pragma("GCC unroll 1")

enum {
	VECTOR = 4 * LANES,         // bytes of a vector
	VECTORS = PG_PANEL / LANES, // vectors of the rows of a panel
	LINES = 4 * PG_PANEL,       // bytes of 4 columns of a panel
};

// Instead of a plane: quants that unpack has written, 4-bit ones if NARROW, and ones
// around 32 in any case.
enum {
	UNPACKED = -1,
	UNPACKED4 = -2,
	UNPACKED6 = -3,
};

// field returns a field of column c of a record of activations.
PG_DOT static inline const float *field(const int form, const uint8_t *act, const int columns, const int c, const int i) {
	act += columns * (form == PG_INT16 ? 64 : 32);
	return (const float *)act + i / PG_FIELDS * columns * PG_FIELDS + c * PG_FIELDS + i % PG_FIELDS;
}

// clear sets the sums of a tile to 0 if it is the first to add to them.
PG_DOT static inline void clear(const pg_tile *t, const int columns) {
	if (t->first)
		memset(t->acc, 0, (size_t)columns * PG_PANEL * sizeof *t->acc);
}

typedef void tile_function(const pg_tile *);

// NAMES lists the functions of a kind of tile for 1 to 6 columns, WIDE_NAMES for 7
// to 12.
#define NAMES(name) name##_1, name##_2, name##_3, name##_4, name##_5, name##_6
#define WIDE_NAMES(name) name##_7, name##_8, name##_9, name##_10, name##_11, name##_12

#endif
