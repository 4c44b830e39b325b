#include "pool.h"

#include "memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// The state of a pool is one number, which threads change by one atomic instruction:
// how many calls there were, the phase of the last one, and how many threads are
// inside it, which means that they may have work in their hands. Threads come and go
// while a call is open. A phase ends when the last of those inside finds no more work.
typedef unsigned long long state;
static const state INSIDE = 1, PHASE = 1 << 16, CALL = 1 << 24;

static state inside(state s) { return s % PHASE; }
static state phase(state s) { return s / PHASE; } // counted through all calls
static state call(state s) { return s / CALL; }

// A waiting thread watches memory for some nanoseconds, and then sleeps. The waits
// for a phase, and for the next node of a graph, are shorter; a longer one means that
// another thread has lost its processor, or that there is nothing to do. It does not
// yield: that gives the processor away for a whole slice of time.
enum { PHASE_SPIN = 30000 };
enum { CALL_SPIN = 200000 };

// A line is threads that sleep until a part of the state changes.
typedef struct {
	state (*part)(state);
	int64_t spin;
	atomic_int asleep;
	pthread_cond_t changed;
} line;

struct pg_pool {
	pg_shared shared;
	_Alignas(64) _Atomic state state;
	_Alignas(64) pg_kernel kernel; // of the open call; NULL ends the threads
	const void *op;
	line begin, next, end; // those that wait for a call, a phase, and the end of a call
	pthread_mutex_t mutex;
	int size, started; // threads that the pool was made for, without the caller those that there are
	pthread_t *threads;
};

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

static int64_t nanoseconds(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// until_changed waits until the line's part of the state is not that of old, and
// returns the state.
static state until_changed(pg_pool *p, line *l, state old) {
	state s;
	for (int64_t start = nanoseconds();;) {
		for (int i = 0; i < 32; i++) {
			s = atomic_load_explicit(&p->state, memory_order_acquire);
			if (l->part(s) != l->part(old))
				return s;
			relax();
		}
		if (nanoseconds() - start > l->spin)
			break;
	}
	pthread_mutex_lock(&p->mutex);
	atomic_fetch_add(&l->asleep, 1);
	while (l->part(s = atomic_load(&p->state)) == l->part(old))
		pthread_cond_wait(&l->changed, &p->mutex);
	atomic_fetch_sub(&l->asleep, 1);
	pthread_mutex_unlock(&p->mutex);
	return s;
}

// wake wakes a line after a change of the state. Who sleeps and who wakes both write
// one variable and then read that of the other, so one of them sees the other.
static void wake(pg_pool *p, line *l) {
	if (atomic_load(&l->asleep) == 0)
		return;
	pthread_mutex_lock(&p->mutex);
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&p->mutex);
}

// enter puts a thread inside, unless its call is over. The caller's is not, as the
// caller ends it; that of others is when nobody is inside.
static int enter(pg_pool *p, pg_team *t) {
	state s = atomic_load_explicit(&p->state, memory_order_relaxed);
	do {
		if (call(s) != call(t->at) || (inside(s) == 0 && t->ith > 0))
			return t->inside = 0;
	} while (!atomic_compare_exchange_weak_explicit(&p->state, &s, s + INSIDE, memory_order_acquire, memory_order_relaxed));
	return t->inside = 1;
}

int pg_next_phase(pg_team *t) {
	pg_pool *p = t->pool;
	state s = atomic_load_explicit(&p->state, memory_order_acquire), old = t->at;
	t->at += PHASE;
	for (;;) {
		if (phase(s) != phase(old)) // it ended before this thread came
			return 1;
		int last = inside(s) == 1;
		if (!atomic_compare_exchange_weak(&p->state, &s, last ? s + PHASE : s - INSIDE))
			continue;
		if (!last)
			break;
		wake(p, &p->next);
		return 1;
	}
	until_changed(p, &p->next, old);
	return enter(p, t);
}

static void *work(void *arg) {
	pg_team t = *(pg_team *)arg;
	free(arg);
	for (;;) {
		t.at = until_changed(t.pool, &t.pool->begin, t.at) / CALL * CALL;
		if (!enter(t.pool, &t))
			continue;
		pg_kernel kernel = t.pool->kernel;
		if (kernel)
			kernel(t.pool->op, t.ith, &t);
		if (t.inside) {
			atomic_fetch_sub(&t.pool->state, INSIDE);
			wake(t.pool, &t.pool->end);
		}
		if (!kernel)
			return NULL;
	}
}

// begin opens a call, with the caller inside, and returns the state.
static state begin(pg_pool *p, pg_kernel kernel, const void *op) {
	p->kernel = kernel;
	p->op = op;
	state s = (call(atomic_load_explicit(&p->state, memory_order_relaxed)) + 1) * CALL + INSIDE;
	atomic_store(&p->state, s);
	wake(p, &p->begin);
	return s;
}

pg_pool *pg_pool_new(int threads) {
	pg_pool *p = pg_alloc_lines(sizeof *p);
	if (!p)
		return NULL;
	memset(p, 0, sizeof *p);
	p->begin = (line){.part = call, .spin = CALL_SPIN};
	p->next = (line){.part = phase, .spin = PHASE_SPIN};
	p->end = (line){.part = inside, .spin = PHASE_SPIN};
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->begin.changed, NULL);
	pthread_cond_init(&p->next.changed, NULL);
	pthread_cond_init(&p->end.changed, NULL);
	p->threads = calloc((size_t)threads, sizeof *p->threads);
	for (int i = 1; p->threads && i < threads; i++) {
		pg_team *t = malloc(sizeof *t);
		if (!t)
			break;
		*t = (pg_team){.ith = i, .threads = threads, .shared = &p->shared, .pool = p};
		if (pthread_create(&p->threads[p->started], NULL, work, t)) {
			free(t); // the pool works with fewer threads
			break;
		}
		p->started++;
	}
	p->size = threads;
	return p;
}

void pg_pool_run(pg_pool *p, pg_kernel kernel, const void *op) {
	for (int i = 0; i < PG_COUNTERS; i++)
		atomic_store_explicit(&p->shared.counter[i].next, 0, memory_order_relaxed);
	pg_team t = {.threads = p->size, .inside = 1, .shared = &p->shared, .pool = p};
	t.at = begin(p, kernel, op) - INSIDE;
	kernel(op, 0, &t);
	for (state s = atomic_load(&p->state);;) { // until the caller is alone inside
		if (inside(s) != 1)
			s = until_changed(p, &p->end, s);
		else if (atomic_compare_exchange_weak(&p->state, &s, s - INSIDE))
			return;
	}
}

void pg_pool_stop(pg_pool *p, int stopped) {
	atomic_store_explicit(&p->shared.stopped, stopped, memory_order_relaxed);
}

void pg_pool_free(pg_pool *p) {
	if (!p)
		return;
	begin(p, NULL, NULL);
	for (int i = 0; i < p->started; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->begin.changed);
	pthread_cond_destroy(&p->next.changed);
	pthread_cond_destroy(&p->end.changed);
	pthread_mutex_destroy(&p->mutex);
	free(p->threads);
	pg_free(p);
}
