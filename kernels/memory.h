// Memory in huge pages: kernels read weights in long streams, and wait less for
// address translation.
#ifndef PG_MEMORY_H
#define PG_MEMORY_H

#include <stddef.h>

enum { PG_PAGE = 2 << 20 }; // a huge page of x86-64 and of most arm64

// pg_alloc returns memory in whole huge pages where the system has them, NULL if
// there is no memory. pg_free frees it; it is safe on NULL.
void *pg_alloc(size_t size);
void pg_free(void *p);

#endif
