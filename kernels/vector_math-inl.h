// Functions of vectors that need no instructions of their own. Each vector_<set>.h
// includes this at its end.
#ifndef PG_VECTOR_MATH_INL_H
#define PG_VECTOR_MATH_INL_H

// slope returns (2^f - 1)/f for |f| <= 0.5, to 1e-7 of its value, by the polynomial
// of least relative error.
PG_INLINE vf slope(vf f) {
	vf q = vset(0x1.4308fap-13f);
	q = vfma(q, f, vset(0x1.5f07b4p-10f));
	q = vfma(q, f, vset(0x1.3b2ba0p-7f));
	q = vfma(q, f, vset(0x1.c6af6ep-5f));
	q = vfma(q, f, vset(0x1.ebfbdep-3f));
	return vfma(q, f, vset(0x1.62e430p-1f));
}

// in_twos returns n and sets f: e^a = 2^n 2^f, n is whole and |f| <= 0.5.
PG_INLINE vf in_twos(vf a, vf *f) {
	const vf high = vset(1.44269504f), low = vset(1.925963e-8f); // 1/ln 2 in two parts
	vf n = vround(vmul(a, high));
	*f = vfma(a, low, vfms(a, high, n));
	return n;
}

// vexp returns e^a for a < 88, to 3e-7 of its value. Below the normal numbers it
// returns 0 or the least of them.
PG_INLINE vf vexp(vf a) {
	vf f, n = in_twos(vmax(vset(-110), a), &f);
	return vscale2(vfma(f, slope(f), vset(1)), n);
}

// vtanh returns (e^2a - 1)/(e^2a + 1), to 5e-7 of its value.
PG_INLINE vf vtanh(vf a) {
	vf f, n = in_twos(vmin(vset(20), vadd(vabs(a), vabs(a))), &f);
	vf power = vscale2(vset(1), n);
	vf less1 = vfma(power, vmul(f, slope(f)), vsub(power, vset(1)));
	return vsign(vdiv(less1, vadd(less1, vset(2))), a);
}

#endif
