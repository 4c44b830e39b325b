// Calls kernels of several phases on a pool, for a sanitizer of threads: each phase
// reads what other threads wrote in the one before, and descriptions end with their
// call. Its arguments are the threads and the calls.
#include "../../../kernels/pool.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIECES = 13,
	PHASES = 4 };

typedef struct {
	int64_t seed, sums[PHASES][PIECES];
} description;

// compute makes each piece of a phase from all pieces of the phase before.
static void compute(const void *op, int ith, pg_team *team) {
	description *d = (description *)op;
	(void)ith;
	for (int phase = 0; phase < PHASES; phase++) {
		for (int64_t i; (i = pg_take(team, phase, 1)) < PIECES;) {
			int64_t sum = d->seed + i;
			for (int k = 0; phase > 0 && k < PIECES; k++)
				sum += d->sums[phase - 1][k] * (k + 1);
			if (sum % 97 == 0)
				sched_yield();
			d->sums[phase][i] = sum % 1000003;
		}
		if (phase < PHASES - 1 && !pg_next_phase(team))
			return;
	}
}

int main(int argc, char **argv) {
	int threads = argc > 1 ? atoi(argv[1]) : 4, calls = argc > 2 ? atoi(argv[2]) : 100000, wrong = 0;
	pg_pool *pool = pg_pool_new(threads), *alone = pg_pool_new(1);
	for (int i = 0; i < calls; i++) {
		description *d = calloc(1, sizeof *d), *want = calloc(1, sizeof *want);
		d->seed = want->seed = i;
		pg_pool_run(pool, compute, d);
		pg_pool_run(alone, compute, want);
		for (int k = 0; k < PHASES * PIECES; k++)
			wrong += d->sums[k / PIECES][k % PIECES] != want->sums[k / PIECES][k % PIECES];
		free(d);
		free(want);
	}
	pg_pool_free(pool);
	pg_pool_free(alone);
	printf("%d threads, %d calls: %d wrong values\n", threads, calls, wrong);
	return wrong > 0;
}
