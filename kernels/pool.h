// Threads that compute a kernel together.
//
// A kernel is a function that several threads call at the same time, each with its
// own number, on one description of the work. Its work has phases, and needs those
// before. The threads share the work of a phase by pg_take, and go on to the next by
// pg_next_phase.
//
// Nobody waits for a thread that has no work in its hands. The system may take the
// processor from any thread for milliseconds, which is the time of many kernels: the
// others then do all the work, and the thread finds the phase or the call over.
#ifndef PG_POOL_H
#define PG_POOL_H

#include <stdatomic.h>
#include <stdint.h>

enum { PG_COUNTERS = 8 }; // counters that a kernel may use in one call

// A pg_pool is threads that run one kernel after the other. One pool serves one
// caller at a time.
typedef struct pg_pool pg_pool;

// A pg_shared is what the threads of a call share to divide its work. Every counter
// starts at 0.
typedef struct {
	_Alignas(64) atomic_int stopped; // see pg_pool_stop
	struct {
		_Alignas(64) atomic_llong next;
	} counter[PG_COUNTERS];
} pg_shared;

// A pg_team is the threads of one call as one of them sees them.
typedef struct {
	int ith;               // this thread's number; that of the caller of pg_pool_run is 0
	int threads;           // that may take part; not all of them may come
	int inside;            // whether this thread may have work: see pool.c
	unsigned long long at; // the call and the phase where it is
	pg_shared *shared;
	pg_pool *pool;
} pg_team;

// pg_stopped returns whether the pool is stopped. A thread that takes many pieces at once
// asks before each.
static inline int pg_stopped(pg_team *t) { return atomic_load_explicit(&t->shared->stopped, memory_order_relaxed); }

// pg_take returns the value of a counter, the next piece of work, and adds n to it.
// Once the pool is stopped it returns a number beyond all work.
static inline int64_t pg_take(pg_team *t, int counter, int64_t n) {
	if (pg_stopped(t))
		return INT64_MAX / 2;
	return atomic_fetch_add_explicit(&t->shared->counter[counter].next, n, memory_order_relaxed);
}

// pg_next returns the value of a counter.
static inline int64_t pg_next(pg_team *t, int counter) {
	return atomic_load_explicit(&t->shared->counter[counter].next, memory_order_relaxed);
}

// pg_take_share takes pieces of work from the returned one up to end. It takes
// 1/share of the pieces that are left, so that a thread takes many at first and one
// at the end, and no thread waits long for the others. It takes no more than most
// pieces, and if more than whole, a multiple of whole.
static inline int64_t pg_take_share(pg_team *t, int counter, int64_t all, int64_t share, int64_t most, int64_t whole, int64_t *end) {
	int64_t count = (all - pg_next(t, counter)) / share;
	count = count < 1 ? 1 : (count > most ? most : count);
	if (count > whole)
		count -= count % whole;
	int64_t first = pg_take(t, counter, count);
	*end = first + count < all ? first + count : all;
	return first;
}

// pg_next_phase is called by a thread that finds no more work in a phase. It returns
// once all work that was taken is done, and the thread then sees all that the others
// wrote. It returns 0 if the call ended meanwhile without this thread: the kernel has
// to return at once, as its description may be gone.
int pg_next_phase(pg_team *t);

// A pg_kernel is the part of thread ith, 0 to team->threads - 1, in computing op.
typedef void (*pg_kernel)(const void *op, int ith, pg_team *team);

// pg_pool_new starts a pool of up to threads threads, the caller being one of
// them. It returns NULL if there is no memory. pg_pool_free ends the threads; it is
// safe on NULL.
pg_pool *pg_pool_new(int threads);
void pg_pool_free(pg_pool *p);

// pg_pool_run runs a kernel and returns when it is done.
void pg_pool_run(pg_pool *p, pg_kernel kernel, const void *op);

// pg_pool_stop makes kernels, including one that is running, end without doing the
// rest of their work, until it is called with 0. Any thread may call it.
void pg_pool_stop(pg_pool *p, int stopped);

#endif
