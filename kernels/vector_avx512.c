// The kernels of vector.h for AVX-512.
#ifdef __x86_64__
#include "vector_avx512.h"

#define PG_VECTORS pg_vectors_avx512
#include "vectors-inl.h"
#endif
