// Threads that compute a kernel together.
//
// A kernel is a function that nth threads call at the same time, each with its
// own number ith, on one description of the work. They share the work by
// pg_take and wait for each other by pg_wait.
#ifndef PG_POOL_H
#define PG_POOL_H

#include <stdatomic.h>
#include <stdint.h>

enum { PG_COUNTERS = 8 }; // counters that a kernel may use in one call

// A pg_team is what the threads of one call share. Every counter starts at 0.
typedef struct pg_team {
	int threads;
	_Alignas(64) atomic_int stopped; // see pg_pool_stop
	_Alignas(64) atomic_int arrived, generation;
	struct { _Alignas(64) atomic_llong next; } counter[PG_COUNTERS];
} pg_team;

// pg_take returns a counter's value and adds n: the next piece of work. It is
// beyond all work once the pool is stopped.
static inline int64_t pg_take(pg_team *t, int counter, int64_t n) {
	if (atomic_load_explicit(&t->stopped, memory_order_relaxed))
		return INT64_MAX / 2;
	return atomic_fetch_add_explicit(&t->counter[counter].next, n, memory_order_relaxed);
}

// pg_next is the value that pg_take would return now.
static inline int64_t pg_next(pg_team *t, int counter) {
	return atomic_load_explicit(&t->counter[counter].next, memory_order_relaxed);
}

// pg_take_share takes some of all pieces of work, from the returned one up to
// end: a share of what is left, so many at first, and one at the end, for no
// thread to wait long for the others; at most most, and a multiple of whole if
// they are more.
static inline int64_t pg_take_share(pg_team *t, int counter, int64_t all, int64_t share, int64_t most, int64_t whole, int64_t *end) {
	int64_t count = (all - pg_next(t, counter)) / share;
	count = count < 1 ? 1 : count > most ? most : count;
	if (count > whole)
		count -= count % whole;
	int64_t first = pg_take(t, counter, count);
	*end = first + count < all ? first + count : all;
	return first;
}

// pg_wait returns once all threads of the team have called it, and shows each
// what the others wrote before.
void pg_wait(pg_team *t);

// A pg_kernel computes part ith of op.
typedef void (*pg_kernel)(const void *op, int ith, pg_team *team);

// pg_pool_run runs a kernel on up to threads threads, the caller being one of
// them, and returns when it is done. One pool serves one caller at a time.
typedef struct pg_pool pg_pool;
pg_pool *pg_pool_new(int threads);
void pg_pool_run(pg_pool *p, pg_kernel kernel, const void *op);

// pg_pool_stop makes kernels, the one that runs too, end without doing the rest
// of their work, until they may go on. Any thread may call it.
void pg_pool_stop(pg_pool *p, int stopped);
void pg_pool_free(pg_pool *p);

#endif
