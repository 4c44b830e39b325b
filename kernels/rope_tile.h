// Turning and storing one token, for any vector_*.h included before.
#include "vector.h"
#include <math.h>

// sine_cosine is exact to 1e-7 for angles of less than 2^20.
PG_INLINE void sine_cosine(vf a, vf *sine, vf *cosine) {
	const vf high = vset(0x1.921fb6p0f), low = vset(-0x1.777a5cp-25f); // pi/2 in two parts
	vf n = vround(vmul(a, vset(0.636619772f)));
	vf r = vfnma(n, low, vfnma(n, high, a)); // the first is exact
	vf r2 = vmul(r, r);
	vf s = vfma(vfma(vset(-0.00019501483f), r2, vset(0.008332014f)), r2, vset(-0.16666651f));
	vf c = vfma(vfma(vfma(vset(2.4372246e-05f), r2, vset(-0.0013886525f)), r2, vset(0.041666612f)), r2, vset(-0.5f));
	*sine = vfma(vmul(r, r2), s, r);
	*cosine = vfma(c, r2, vset(1));
	vquarter(n, sine, cosine);
}

PG_INLINE void put(void *to, int half, int64_t i, vf a, int64_t n) {
	if (half && n == LANES)
		vstore_half((uint16_t *)to + i, a);
	else if (half)
		vstore_half_n((uint16_t *)to + i, a, n);
	else if (n == LANES)
		vstore((float *)to + i, a);
	else
		vstore_n((float *)to + i, a, n);
}

PG_TARGET static void rope(const pg_rope *op, int64_t token, int64_t row) {
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
			vf a = n == LANES ? vload(x) : vload_n(x, n), b = n == LANES ? vload(x + pairs) : vload_n(x + pairs, n);
			int64_t to = row * op->out.row + h * op->out_head + i;
			put(op->out.to, op->out.half, to, vfnma(b, sine, vmul(a, cosine)), n);
			put(op->out.to, op->out.half, to + pairs, vfma(a, sine, vmul(b, cosine)), n);
		}
	}
}

PG_TARGET static void store_token(const pg_store *op, int64_t token, int64_t row) {
	const float *x = op->x + token * op->x_token;
	const pg_rows_of *out = &op->out;
	for (int64_t i = 0; i < op->d; i += LANES) {
		int64_t n = op->d - i < LANES ? op->d - i : LANES;
		vf a = n == LANES ? vload(x + i) : vload_n(x + i, n);
		if (out->channel == 1) {
			put(out->to, out->half, row * out->row + i, a, n);
			continue;
		}
		float f[LANES];
		uint16_t h[LANES];
		vstore(f, a);
		vstore_half(h, a);
		for (int64_t c = 0, at = row * out->row + i * out->channel; c < n; c++, at += out->channel) {
			if (out->half)
				((uint16_t *)out->to)[at] = h[c];
			else
				((float *)out->to)[at] = f[c];
		}
	}
}
