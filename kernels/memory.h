#ifndef PG_MEMORY_H
#define PG_MEMORY_H

#include <stddef.h>

enum { PG_PAGE = 2 << 20 }; // a huge page of x86-64 and of most arm64

// pg_alloc returns memory in whole huge pages where the system has them; NULL
// if there is none. pg_free takes it back, and NULL.
void *pg_alloc(size_t size);
void pg_free(void *p);

#endif
