// The kernels of vector.h for AVX2, FMA and F16C.
#ifdef __x86_64__
#include "vector_avx2.h"

#define PG_VECTORS pg_vectors_avx2
#include "vectors-inl.h"
#endif
