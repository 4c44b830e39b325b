#include "memory.h"

#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

void *pg_alloc(size_t size) {
	size = (size + PG_PAGE - 1) / PG_PAGE * PG_PAGE;
	void *p = NULL;
#ifdef _WIN32
	p = _aligned_malloc(size, PG_PAGE);
#else
	if (posix_memalign(&p, PG_PAGE, size))
		return NULL;
#endif
#ifdef __linux__
	madvise(p, size, MADV_HUGEPAGE); // may fail: huge pages only save time
#endif
	return p;
}

void pg_free(void *p) {
#ifdef _WIN32
	_aligned_free(p);
#else
	free(p);
#endif
}
