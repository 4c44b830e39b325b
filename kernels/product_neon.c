// Products for arm64 processors with the dot products of Armv8.2.
#include "level.h"

#if PG_ARM
#include "vector_neon.h"

#define PG_KERNEL PG_TARGET
#define PG_DOT PG_KERNEL __attribute__((always_inline, unused))

#include "integers_neon.h"

#define INTEGERS8 DOTS8

#define PG_LEVEL pg_neon
#define PG_COLUMNS {6, 6, 0, 10}
#include "level_tile.h"
#endif
