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

#endif
