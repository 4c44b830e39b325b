// The kernels of vector.h for arm64.
#include "level.h"

#if PG_ARM
#include "vector_neon.h"

#define PG_VECTORS pg_vectors_neon
#include "vectors-inl.h"
#endif
