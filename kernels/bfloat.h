// Products of bfloat16 weights with activations rounded to bfloat16, summed in
// float32.
//
// The records of activations are those of PG_BFLOAT: for every 32 rows of x, 32
// values of each column. Rows are filled up to a multiple of 32 with zeros, as
// packed weights are. Both instructions take numbers below 2^-126 for 0, as
// factors and as sums.
#ifndef PG_BFLOAT_H
#define PG_BFLOAT_H

#include "tile.h"

#if PG_BFLOATS
// pg_bfloat_round writes the records of columns of some rows of x, rounded to the
// nearest, to even if two are.
void pg_bfloat_round(const float *x, int64_t x_stride, int columns, int rows, uint8_t *act);

// pg_bfloat_tile is a tile of up to 12 columns by VDPBF16PS. A row's sum of a chunk
// begins with 0; pairs of columns are added to it one after the other.
void pg_bfloat_tile(const pg_tile *t);
#endif

#if PG_AMX
// pg_amx_tile is a tile of up to 32 columns by TDPBF16PS, which adds up the products
// of 32 columns of weights by itself, and adds their sum to the row's.
void pg_amx_tile(const pg_tile *t);

// pg_amx_release sets the tile registers of a thread up as they were before the
// first tile, which has noted that in the chunk; they are then empty, so that the
// system need not save them. A thread that has computed tiles calls it. Other code on
// the thread, such as ggml's, may have set its registers up once and for all.
void pg_amx_release(pg_chunk *chunk);

// pg_amx_allowed asks the system to let all threads of the process use tile
// registers. It returns 0 if the processor has no AMX for bfloat16, or the system
// refuses.
int pg_amx_allowed(void);

// pg_amx_limit computes some rounds of products as a limit of limits.h. One
// TDPBF16PS multiplies 16 times PG_AMX_LIMIT_WIDTH numbers and takes as much longer
// than one of vectors, so there are 16 times fewer: rounds is a multiple of 16.
enum { PG_AMX_LIMIT_WIDTH = 16 * 16 * 32 / 16 };
void pg_amx_limit(int64_t rounds);
#endif

#endif
