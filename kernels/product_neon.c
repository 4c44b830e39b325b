// Products for arm64 processors with the dot products of Armv8.2.
#include "level.h"

#if PG_ARM
#include "vector_neon.h"

#define PG_KERNEL PG_TARGET
#define PG_DOT PG_KERNEL __attribute__((always_inline, unused))

#include "integers_neon.h"

PG_DOT static inline void integers8(const int plane, const int columns, const uint8_t *w, const uint8_t *act,
	const int v, const int g0, const int groups, vi s[2][PG_MAX_COLUMNS]) {
	dots8(plane, columns, w, act, v, g0, groups, s);
}

#define PG_LEVEL pg_neon
#define PG_COLUMNS {[PG_INT8] = 6, [PG_INT16] = 6, [PG_FLOAT] = 10}
#include "level-inl.h"
#endif
