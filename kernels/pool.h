// Threads that compute a kernel together.
//
// A kernel is a function that several threads call at the same time, each with its
// own number, on one description of the work. They share the work by pg_take and
// wait for each other by pg_wait.
#ifndef PG_POOL_H
#define PG_POOL_H

#include <stdatomic.h>
#include <stdint.h>

enum { PG_COUNTERS = 8 }; // counters that a kernel may use in one call

// A pg_team is the state that the threads of one call share. Every counter starts
// at 0.
typedef struct pg_team {
	int threads;
	_Alignas(64) atomic_int stopped; // see pg_pool_stop
	_Alignas(64) atomic_int arrived, generation;
	struct {
		_Alignas(64) atomic_llong next;
	} counter[PG_COUNTERS];
} pg_team;

// pg_take returns the value of a counter, the next piece of work, and adds n to it.
// Once the pool is stopped it returns a number beyond all work.
static inline int64_t pg_take(pg_team *t, int counter, int64_t n) {
	if (atomic_load_explicit(&t->stopped, memory_order_relaxed))
		return INT64_MAX / 2;
	return atomic_fetch_add_explicit(&t->counter[counter].next, n, memory_order_relaxed);
}

// pg_next returns the value of a counter.
static inline int64_t pg_next(pg_team *t, int counter) {
	return atomic_load_explicit(&t->counter[counter].next, memory_order_relaxed);
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

// pg_wait returns once all threads of the team have called it. Each then sees all
// that the others wrote before.
void pg_wait(pg_team *t);

// A pg_kernel is the part of thread ith, 0 to team->threads - 1, in computing op.
typedef void (*pg_kernel)(const void *op, int ith, pg_team *team);

// A pg_pool is threads that run one kernel after the other. One pool serves one
// caller at a time.
typedef struct pg_pool pg_pool;

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
