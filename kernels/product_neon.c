// Products for arm64 processors with the dot products of Armv8.2.
#include "level.h"

#if PG_ARM
#include "vector_neon.h"

#define PG_KERNEL PG_TARGET
#define PG_DOT PG_KERNEL __attribute__((always_inline, unused))

#include "integers_neon.h"

#define INTEGERS8 DOTS8

#include "product_tile.h"

#include "round_neon.h"
#include "rows_tile.h"

static int form(const pg_format *f, int precise) {
	return f->planes < 0 ? PG_FLOAT : precise ? PG_INT16 : PG_INT8;
}

const pg_level pg_neon = {
	.columns = {6, 6, 10},
	.form = form,
	.quantize = quantize,
	.unpack = unpack,
	.tile = {tile, tile, float_tile},
	.stream = {stream, stream, float_stream},
	.finish = finish,
	.rows = rows,
};
#endif
