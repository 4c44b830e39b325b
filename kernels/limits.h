// What the processor can do at most, to judge kernels by.
#ifndef PG_LIMITS_H
#define PG_LIMITS_H

#include "pool.h"
#include <stddef.h>

typedef struct {
	int level; // as of pg_linear
	int64_t rounds;
	const char *memory; // to read, once
	size_t bytes;
} pg_limit;

// Each thread computes rounds times PG_LIMIT_STEPS multiply-adds of a level's
// widest vectors: of int8 into int32, or of float32.
enum { PG_LIMIT_STEPS = 12 };
void pg_limit_int8(const void *op, int ith, pg_team *team);
void pg_limit_float(const void *op, int ith, pg_team *team);

// The threads read memory together.
void pg_limit_read(const void *op, int ith, pg_team *team);

// Numbers that one step multiplies: 0 if the level does not exist here.
int pg_limit_int8_width(int level);
int pg_limit_float_width(int level);

#endif
