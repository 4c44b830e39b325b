#include "memory.h"

#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

// aligned returns memory at a multiple of a power of two, NULL if there is none.
static void *aligned(size_t size, size_t to) {
	void *p = NULL;
#ifdef _WIN32
	p = _aligned_malloc(size, to);
#else
	if (posix_memalign(&p, to, size))
		return NULL;
#endif
	return p;
}

size_t pg_alloc_size(size_t size) {
	return size < PG_PAGE ? size : (size + PG_PAGE - 1) / PG_PAGE * PG_PAGE;
}

void *pg_alloc(size_t size) {
	if (size < PG_PAGE) // a page for each of many small pieces would be mostly empty
		return pg_alloc_lines(size);
	size = pg_alloc_size(size);
	void *p = aligned(size, PG_PAGE);
#ifdef __linux__
	if (p)
		madvise(p, size, MADV_HUGEPAGE); // may fail: huge pages only save time
#endif
	return p;
}

void *pg_alloc_lines(size_t size) { return aligned(size, PG_LINE); }

void pg_free(void *p) {
#ifdef _WIN32
	_aligned_free(p);
#else
	free(p);
#endif
}
