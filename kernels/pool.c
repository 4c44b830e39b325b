#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

// A waiting thread watches memory for this many rounds before it lets others run.
// The waits between the nodes of a graph are shorter; a longer wait means that the
// other threads have no processor or nothing to do.
enum { SPINS = 4000 };

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

// until_changes returns when *v is no longer old.
static void until_changes(atomic_int *v, int old) {
	for (int i = 0; i < SPINS; i++) {
		if (atomic_load_explicit(v, memory_order_acquire) != old)
			return;
		relax();
	}
	while (atomic_load_explicit(v, memory_order_acquire) == old)
		sched_yield();
}

void pg_wait(pg_team *t) {
	int generation = atomic_load_explicit(&t->generation, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&t->arrived, 1, memory_order_acq_rel) == t->threads - 1) {
		atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
		atomic_fetch_add_explicit(&t->generation, 1, memory_order_release);
		return;
	}
	until_changes(&t->generation, generation);
}

struct pg_pool {
	pg_team team;
	pg_kernel kernel; // of the current call; NULL ends the threads
	const void *op;
	_Alignas(64) atomic_int calls, left; // calls begun; threads still inside the last call
	atomic_int asleep;
	pthread_mutex_t mutex;
	pthread_cond_t begun;
	int started;
	pthread_t *threads;
};

typedef struct {
	pg_pool *pool;
	int ith;
} worker;

// next_call waits for the next call and returns its number. It sleeps if the call
// is long in coming.
static int next_call(pg_pool *p, int old) {
	for (int i = 0; i < 4 * SPINS; i++) {
		int calls = atomic_load_explicit(&p->calls, memory_order_acquire);
		if (calls != old)
			return calls;
		relax();
	}
	pthread_mutex_lock(&p->mutex);
	atomic_fetch_add(&p->asleep, 1);
	int calls;
	while ((calls = atomic_load(&p->calls)) == old)
		pthread_cond_wait(&p->begun, &p->mutex);
	atomic_fetch_sub(&p->asleep, 1);
	pthread_mutex_unlock(&p->mutex);
	return calls;
}

static void *work(void *arg) {
	worker w = *(worker *)arg;
	free(arg);
	for (int calls = 0;;) {
		calls = next_call(w.pool, calls);
		if (!w.pool->kernel)
			return NULL;
		w.pool->kernel(w.pool->op, w.ith, &w.pool->team);
		atomic_fetch_sub_explicit(&w.pool->left, 1, memory_order_release);
	}
}

// begin lets the threads run a kernel.
static void begin(pg_pool *p, pg_kernel kernel, const void *op) {
	p->kernel = kernel;
	p->op = op;
	atomic_store_explicit(&p->left, p->started, memory_order_relaxed);
	atomic_fetch_add(&p->calls, 1);
	if (atomic_load(&p->asleep) > 0) {
		pthread_mutex_lock(&p->mutex);
		pthread_cond_broadcast(&p->begun);
		pthread_mutex_unlock(&p->mutex);
	}
}

pg_pool *pg_pool_new(int threads) {
	pg_pool *p = aligned_alloc(64, (sizeof *p + 63) / 64 * 64);
	if (!p)
		return NULL;
	memset(p, 0, sizeof *p);
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->begun, NULL);
	p->threads = calloc((size_t)threads, sizeof *p->threads);
	for (int i = 1; p->threads && i < threads; i++) {
		worker *w = malloc(sizeof *w);
		if (!w)
			break;
		*w = (worker){p, i};
		if (pthread_create(&p->threads[p->started], NULL, work, w)) {
			free(w); // the pool works with fewer threads
			break;
		}
		p->started++;
	}
	p->team.threads = p->started + 1;
	return p;
}

void pg_pool_run(pg_pool *p, pg_kernel kernel, const void *op) {
	for (int i = 0; i < PG_COUNTERS; i++)
		atomic_store_explicit(&p->team.counter[i].next, 0, memory_order_relaxed);
	begin(p, kernel, op);
	kernel(op, 0, &p->team);
	int left;
	while ((left = atomic_load_explicit(&p->left, memory_order_acquire)) > 0)
		until_changes(&p->left, left);
}

void pg_pool_stop(pg_pool *p, int stopped) {
	atomic_store_explicit(&p->team.stopped, stopped, memory_order_relaxed);
}

void pg_pool_free(pg_pool *p) {
	if (!p)
		return;
	begin(p, NULL, NULL);
	for (int i = 0; i < p->started; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->begun);
	pthread_mutex_destroy(&p->mutex);
	free(p->threads);
	free(p);
}
