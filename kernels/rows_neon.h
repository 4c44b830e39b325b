// Rows for NEON. rows-inl.h lists the functions this file must define.
#ifndef PG_ROWS_NEON_H
#define PG_ROWS_NEON_H

#include "quants-inl.h"

typedef vf vr;

PG_DOT static inline vr row_zero(void) { return vset(0); }
PG_DOT static inline vr row_add(vr a, vr b) { return vadd(a, b); }
PG_DOT static inline float row_total(vr y) { return vsum(y); }

PG_DOT static inline float row_half(const uint8_t *p) {
	uint16_t h;
	memcpy(&h, p, sizeof h);
	return vgetq_lane_f32(vload_half((const uint16_t[4]){h}), 0);
}

// row_dot adds 16 products of signed bytes to s, four to each sum.
PG_DOT static inline vi row_dot(vi s, vi w, const uint8_t *x) { return vdotq_s32(s, ias8(w), ias8(iload(x))); }

// row_block adds the products of one block of a type to y.
PG_DOT static inline vr row_block(const int type, const uint8_t *p, const uint8_t *act, vr y) {
	if (type == PG_Q8_0 || type == PG_Q4_0) {
		vi low = type == PG_Q8_0 ? iload(p + 2) : iadd8(bits(p + 2, 0, 15, 0), ibytes(-8));
		vi high = type == PG_Q8_0 ? iload(p + 18) : iadd8(bits(p + 2, 4, 15, 0), ibytes(-8));
		vi sum = row_dot(row_dot(izero(), low, act), high, act + 16);
		return vfma(iconvert(sum), vset(row_half(p) * pg_row_field(act, PG_ACT_D)), y);
	}
	if (type == PG_Q6_K) {
		float d = row_half(p + 208);
		UNROLL for (int b = 0; b < 8; b++, act += PG_ROW_UNIT) {
			const int8_t *scale = (const int8_t *)p + 192 + 2 * b;
			vi sum = izero();
			UNROLL for (int half = 0; half < 2; half++) {
				vi low = bits(p + b / 4 * 64 + b % 2 * 32 + half * 16, b % 4 / 2 * 4, 15, 0);
				vi high = bits(p + 128 + b / 4 * 32 + half * 16, b % 4 * 2, 0x30, 4);
				vi w = iadd8(ior(low, high), ibytes(-32));
				sum = vmlaq_n_s32(sum, row_dot(izero(), w, act + half * 16), scale[half]);
			}
			y = vfma(iconvert(sum), vset(d * pg_row_field(act, PG_ACT_D)), y);
		}
		return y;
	}
	// Q4_K
	float d = row_half(p), least = row_half(p + 2), mins = 0;
	const uint8_t *a = p + 4;
	UNROLL for (int b = 0; b < 8; b++, act += PG_ROW_UNIT) {
		int s = b < 4 ? a[b] & 63 : (a[b + 4] & 15) | a[b - 4] >> 6 << 4;
		int m = b < 4 ? a[b + 4] & 63 : a[b + 4] >> 4 | a[b] >> 6 << 4;
		vi sum = row_dot(izero(), bits(p + 16 + b / 2 * 32, b % 2 * 4, 15, 0), act);
		sum = row_dot(sum, bits(p + 32 + b / 2 * 32, b % 2 * 4, 15, 0), act + 16);
		y = vfma(iconvert(sum), vset(d * (float)s * pg_row_field(act, PG_ACT_D)), y);
		mins += (float)m * pg_row_field(act, PG_ACT_SUM);
	}
	return vsub(y, vsetq_lane_f32(least * mins, vset(0), 0));
}

#endif
