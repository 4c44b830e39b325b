// The softmax statistics of a run of scores.
#ifndef PG_RUN_STATS_INL_H
#define PG_RUN_STATS_INL_H

#include "rows.h"
#include <float.h>

// run_stats sums up n scores after the softcap.
PG_TARGET static pg_run_stats run_stats(float y[PG_RUN], int64_t n, float softcap) {
	for (int64_t i = n; i < PG_RUN; i++)
		y[i] = -FLT_MAX;
	vf faults = vset(0), top = vset(-FLT_MAX), sum = vset(0);
	for (int64_t i = 0; i < PG_RUN; i += LANES) {
		vf a = vload(y + i);
		faults = vadd(faults, vsub(a, a)); // NaN unless all are finite
		if (softcap > 0) {
			a = vmul(vset(softcap), vtanh(vdiv(a, vset(softcap))));
			vstore(y + i, a);
		}
	}
	for (int64_t i = n; i < PG_RUN; i++)
		y[i] = -FLT_MAX; // which the softcap has changed
	for (int64_t i = 0; i < PG_RUN; i += LANES)
		top = vmax(top, vload(y + i));
	pg_run_stats run = {.max = vtop(top)};
	for (int64_t i = 0; i < PG_RUN; i += LANES)
		sum = vadd(sum, vexp(vsub(vload(y + i), vset(run.max))));
	run.sum_exp = vsum(sum);
	int64_t row = 0;
	while (row < n - 1 && y[row] != run.max)
		row++;
	run.argmax = (float)row;
	if (vsum(faults) != 0)
		run.max = __builtin_nanf("");
	return run;
}

#endif
