// Memory in huge pages: kernels read weights in long streams, and wait less for
// address translation.
#ifndef PG_MEMORY_H
#define PG_MEMORY_H

#include <stddef.h>

enum { PG_PAGE = 2 << 20 }; // a huge page of x86-64 and of most arm64
enum { PG_LINE = 64 };      // a cache line, which no two threads should write

// pg_alloc returns memory, in whole huge pages where the system has them if it fills
// one, NULL if there is no memory; pg_alloc_size tells the bytes that it takes.
// pg_alloc_lines returns some that begins at a cache line. pg_free frees either; it is
// safe on NULL.
void *pg_alloc(size_t size);
size_t pg_alloc_size(size_t size);
void *pg_alloc_lines(size_t size);
void pg_free(void *p);

#endif
