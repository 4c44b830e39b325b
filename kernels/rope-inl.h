// Rotary positions of one token.
#ifndef PG_ROPE_INL_H
#define PG_ROPE_INL_H

#include "rope.h"
#include <math.h>

// sine_cosine is exact to 1e-7 for angles of less than 2^20.
PG_INLINE void sine_cosine(vf a, vf *sine, vf *cosine) {
	const vf high = vset(0x1.921fb6p0f), low = vset(-0x1.777a5cp-25f); // pi/2 in two parts
	vf n = vround(vmul(a, vset(0.636619772f)));
	vf r = vfnma(n, low, vfnma(n, high, a)); // exact
	vf r2 = vmul(r, r);
	vf s = vfma(vfma(vset(-0.00019501483f), r2, vset(0.008332014f)), r2, vset(-0.16666651f));
	vf c = vfma(vfma(vfma(vset(2.4372246e-05f), r2, vset(-0.0013886525f)), r2, vset(0.041666612f)), r2, vset(-0.5f));
	*sine = vfma(vmul(r, r2), s, r);
	*cosine = vfma(c, r2, vset(1));
	vquarter(n, sine, cosine);
}

// rope turns the pairs of all heads of a token.
PG_TARGET static void rope(const pg_rope *op, int64_t token) {
	int64_t pairs = op->e / 2;
	float angle = (float)op->positions[token], factor = powf(op->base, -2.0f / (float)op->e);
	for (int64_t i = 0; i < pairs; i += LANES) {
		int64_t n = pairs - i < LANES ? pairs - i : LANES;
		float angles[LANES];
		for (int l = 0; l < LANES; l++, angle *= factor)
			angles[l] = angle;
		vf sine, cosine;
		sine_cosine(vload(angles), &sine, &cosine);
		for (int64_t h = 0; h < op->heads; h++) {
			const float *x = op->x + token * op->x_token + h * op->x_head + i;
			float *out = op->out + token * op->out_token + h * op->out_head + i;
			vf a = n == LANES ? vload(x) : vload_n(x, n), b = n == LANES ? vload(x + pairs) : vload_n(x + pairs, n);
			vf first = vfnma(b, sine, vmul(a, cosine)), second = vfma(a, sine, vmul(b, cosine));
			if (n == LANES) {
				vstore(out, first);
				vstore(out + pairs, second);
			} else {
				vstore_n(out, first, n);
				vstore_n(out + pairs, second, n);
			}
		}
	}
}

#endif
