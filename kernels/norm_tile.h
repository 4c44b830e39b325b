// A column's norm, for any vector_*.h included before.
#include "vector.h"
#include <math.h>

enum { SUMS = 4 }; // as one sum the squares of 2048 values would lose digits

// pair is element i of x + y, or of x if y is NULL, for n <= LANES elements.
PG_INLINE vf pair(const float *x, const float *y, int64_t i, int64_t n) {
	vf a = n == LANES ? vload(x + i) : vload_n(x + i, n);
	return y ? vadd(a, n == LANES ? vload(y + i) : vload_n(y + i, n)) : a;
}

// moment is the sum of s - mean, or of its squares.
PG_INLINE float moment(const int squares, const float *x, const float *y, int64_t d, float mean) {
	vf sum[SUMS], m = vset(mean);
	PG_UNROLL for (int v = 0; v < SUMS; v++)
		sum[v] = vset(0);
	int64_t i = 0;
	for (; i + SUMS * LANES <= d; i += SUMS * LANES) {
		PG_UNROLL for (int v = 0; v < SUMS; v++) {
			vf a = vsub(pair(x, y, i + v * LANES, LANES), m);
			sum[v] = squares ? vfma(a, a, sum[v]) : vadd(sum[v], a);
		}
	}
	for (; i + LANES <= d; i += LANES) {
		vf a = vsub(pair(x, y, i, LANES), m);
		sum[0] = squares ? vfma(a, a, sum[0]) : vadd(sum[0], a);
	}
	float rest = 0;
	for (; i < d; i++) {
		float a = x[i] + (y ? y[i] : 0) - mean;
		rest += squares ? a * a : a;
	}
	return vsum(vadd(vadd(sum[0], sum[1]), vadd(sum[2], sum[3]))) + rest;
}

PG_TARGET static void norm(const pg_norm *op, int64_t column) {
	int64_t d = op->d;
	const float *x = op->x + column * op->x_step;
	const float *y = op->add ? op->add + column * op->add_step : NULL;
	const float *residual = op->residual ? op->residual + column * op->residual_step : NULL;
	float *out = op->out + column * op->out_step;
	if (op->sum) {
		float *s = op->sum + column * op->sum_step;
		for (int64_t i = 0; i < d; i += LANES) {
			int64_t n = d - i < LANES ? d - i : LANES;
			if (n == LANES)
				vstore(s + i, pair(x, y, i, n));
			else
				vstore_n(s + i, pair(x, y, i, n), n);
		}
		x = s, y = NULL;
	}
	float mean = op->centered ? moment(0, x, y, d, 0) / (float)d : 0;
	float scale = 1 / sqrtf(moment(1, x, y, d, mean) / (float)d + op->eps);
	for (int64_t i = 0; i < d; i += LANES) {
		int64_t n = d - i < LANES ? d - i : LANES;
		vf a = vmul(vsub(pair(x, y, i, n), vset(mean)), vset(scale));
		if (op->w)
			a = vmul(a, pair(op->w, NULL, i, n));
		if (op->b)
			a = vadd(a, pair(op->b, NULL, i, n));
		if (residual)
			a = vadd(a, pair(residual, NULL, i, n));
		if (n == LANES)
			vstore(out + i, a);
		else
			vstore_n(out + i, a, n);
	}
}
