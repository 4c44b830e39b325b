// The norm of one column.
#ifndef PG_NORM_INL_H
#define PG_NORM_INL_H

#include "norm.h"
#include <math.h>

enum { SUMS = 4 }; // one sum of the squares of 2048 values would lose digits

// some loads n <= LANES elements.
PG_INLINE vf some(const float *x, int64_t n) { return n == LANES ? vload(x) : vload_n(x, n); }

// moment returns the sum of x - mean, or of its square.
PG_INLINE float moment(const int squares, const float *x, int64_t d, float mean) {
	vf sum[SUMS], m = vset(mean);
	PG_UNROLL for (int v = 0; v < SUMS; v++)
		sum[v] = vset(0);
	int64_t i = 0;
	for (; i + SUMS * LANES <= d; i += SUMS * LANES) {
		PG_UNROLL for (int v = 0; v < SUMS; v++) {
			vf a = vsub(vload(x + i + v * LANES), m);
			sum[v] = squares ? vfma(a, a, sum[v]) : vadd(sum[v], a);
		}
	}
	for (; i + LANES <= d; i += LANES) {
		vf a = vsub(vload(x + i), m);
		sum[0] = squares ? vfma(a, a, sum[0]) : vadd(sum[0], a);
	}
	float rest = 0;
	for (; i < d; i++) {
		float a = x[i] - mean;
		rest += squares ? a * a : a;
	}
	return vsum(vadd(vadd(sum[0], sum[1]), vadd(sum[2], sum[3]))) + rest;
}

PG_TARGET static void norm(const pg_norm *op, int64_t column) {
	int64_t d = op->d;
	const float *x = op->x + column * op->x_step;
	const float *residual = op->residual ? op->residual + column * op->residual_step : NULL;
	float *out = op->out + column * op->out_step;
	float mean = op->centered ? moment(0, x, d, 0) / (float)d : 0;
	float scale = 1 / sqrtf(moment(1, x, d, mean) / (float)d + op->eps);
	for (int64_t i = 0; i < d; i += LANES) {
		int64_t n = d - i < LANES ? d - i : LANES;
		vf a = vmul(vsub(some(x + i, n), vset(mean)), vset(scale));
		if (op->w)
			a = vmul(a, some(op->w + i, n));
		if (op->b)
			a = vadd(a, some(op->b + i, n));
		if (residual)
			a = vadd(a, some(residual + i, n));
		if (n == LANES)
			vstore(out + i, a);
		else
			vstore_n(out + i, a, n);
	}
}

#endif
