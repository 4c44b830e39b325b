// Elements [first, last) of a sum.
#ifndef PG_ELEMENTWISE_INL_H
#define PG_ELEMENTWISE_INL_H

#include "elementwise.h"

PG_TARGET static void sum(const pg_sum *op, int64_t first, int64_t last) {
	for (int64_t i = first; i < last; i += LANES) {
		int64_t n = last - i < LANES ? last - i : LANES;
		if (n == LANES)
			vstore(op->out + i, vadd(vload(op->a + i), vload(op->b + i)));
		else
			vstore_n(op->out + i, vadd(vload_n(op->a + i, n), vload_n(op->b + i, n)), n);
	}
}

// put stores n numbers, as float16 if half.
PG_TARGET static void put(const float *x, int64_t n, int half, void *to) {
	for (int64_t i = 0; i < n; i += LANES) {
		int64_t take = n - i < LANES ? n - i : LANES;
		vf a = take == LANES ? vload(x + i) : vload_n(x + i, take);
		if (half && take == LANES)
			vstore_half((uint16_t *)to + i, a);
		else if (half)
			vstore_half_n((uint16_t *)to + i, a, take);
		else if (take == LANES)
			vstore((float *)to + i, a);
		else
			vstore_n((float *)to + i, a, take);
	}
}

#endif
