// The most that the processor can do, by which kernels are judged.
#ifndef PG_LIMITS_H
#define PG_LIMITS_H

#include "pool.h"
#include <stddef.h>

typedef struct {
	int level; // a supported level of instruction sets, or PG_AUTO for the best
	int64_t rounds;
	const char *memory; // read once
	size_t bytes;
} pg_limit;

// In pg_limit_int8, pg_limit_float and pg_limit_bfloat the threads compute, together,
// rounds times PG_LIMIT_STEPS multiply-adds of a level's widest vectors: of int8 into
// int32, of float32, or of bfloat16 into float32. They are kernels on a pg_limit.
enum { PG_LIMIT_STEPS = 12 };
void pg_limit_int8(const void *op, int ith, pg_team *team);
void pg_limit_float(const void *op, int ith, pg_team *team);
void pg_limit_bfloat(const void *op, int ith, pg_team *team);

// pg_limit_read is a kernel on a pg_limit: the threads read memory together.
void pg_limit_read(const void *op, int ith, pg_team *team);

// pg_limit_int8_width, pg_limit_float_width and pg_limit_bfloat_width return how many
// numbers one step multiplies, 0 if the level is not supported or has no products of
// such numbers: then there is no limit to measure.
int pg_limit_int8_width(int level);
int pg_limit_float_width(int level);
int pg_limit_bfloat_width(int level);

#endif
