// The epilogues of products.
#ifndef PG_FINISH_INL_H
#define PG_FINISH_INL_H

#include "product.h"
#include "tile.h"

// gelu returns a/(1 + exp(-2u)), which equals 0.5a(1 + tanh u), for
// u = sqrt(2/pi)(a + 0.044715a^3).
PG_DOT static inline vf gelu(vf a) {
	vf u2 = vmul(a, vfma(vmul(a, a), vset(-0.0713548162726f), vset(-1.59576912161f)));
	return vdiv(a, vadd(vset(1), vexp(vmin(vset(87), u2))));
}

// finish_rows finishes n <= LANES rows from row i on.
PG_DOT static inline void finish_rows(const int epilogue, const pg_finish *f, int i, int n) {
	vf bias = f->bias ? vload_n(f->bias + i, n) : vset(0), bias1 = f->bias1 ? vload_n(f->bias1 + i, n) : vset(0);
	for (int c = 0; c < f->columns; c++) {
		vf y = vadd(vload(f->acc + c * PG_PANEL + i), bias);
		if (epilogue != PG_PLAIN)
			y = gelu(y);
		if (epilogue == PG_GEGLU)
			y = vmul(y, vadd(vload(f->acc1 + c * PG_PANEL + i), bias1));
		if (f->residual) {
			const float *r = f->residual + c * f->residual_stride + i;
			y = vadd(y, n == LANES ? vload(r) : vload_n(r, n));
		}
		float *to = f->y + c * f->y_stride + i;
		if (n == LANES)
			vstore(to, y);
		else
			vstore_n(to, y, n);
	}
}

PG_KERNEL static void finish(const pg_finish *f) {
	for (int i = 0; i < f->rows; i += LANES) {
		int n = f->rows - i < LANES ? f->rows - i : LANES;
		switch (f->epilogue) {
		case PG_GELU:
			finish_rows(PG_GELU, f, i, n);
			break;
		case PG_GEGLU:
			finish_rows(PG_GEGLU, f, i, n);
			break;
		default:
			finish_rows(PG_PLAIN, f, i, n);
		}
	}
}

#endif
