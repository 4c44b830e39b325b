// A piece of a sum, for any vector_*.h included before.
#include "vector.h"

PG_TARGET static void sum(const pg_sum *op, int64_t first, int64_t last) {
	vf s = vset(op->s);
	for (int64_t i = first; i < last; i += LANES) {
		int64_t n = last - i < LANES ? last - i : LANES;
		vf a = n == LANES ? vload(op->a + i) : vload_n(op->a + i, n), b = vset(0);
		if (op->b) {
			b = n == LANES ? vload(op->b + i) : vload_n(op->b + i, n);
			a = vfma(s, a, b);
		} else {
			a = vmul(s, a);
		}
		if (n == LANES)
			vstore(op->out + i, a);
		else
			vstore_n(op->out + i, a, n);
	}
}
