#include "level.h"

#if PG_ARM
#include "vector_neon.h"

#define PG_VECTORS pg_vectors_neon
#include "vectors-inl.h"
#endif
