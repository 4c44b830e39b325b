#ifdef __x86_64__
#include "vector_avx2.h"

#define PG_VECTORS pg_vectors_avx2
#include "vectors-inl.h"
#endif
