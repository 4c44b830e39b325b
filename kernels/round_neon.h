// Rounding of activations for NEON.
#ifndef PG_ROUND_NEON_H
#define PG_ROUND_NEON_H

#include "tile-inl.h"

// place returns the index of value i of column c among the integers of a record.
PG_DOT static inline int place(int c, int i, int columns) {
	if (PAIRS && (c | 1) < columns)
		return c / 2 * 64 + i / 8 * 16 + c % 2 * 8 + i % 8;
	return c * 32 + i;
}

// round_block writes 32 values of one column to a record: see tile.h.
PG_DOT static inline void round_block(const int form, int halves, const float *x, int c, int columns, uint8_t *act) {
	const float most = form == PG_INT8 ? 127 : 32767;
	const int bytes = form == PG_INT8 ? 32 : 64;
	vf v[8];
	vi top = izero();
	UNROLL for (int i = 0; i < 8; i++) {
		v[i] = vload(x + i * 4);
		top = vmaxq_s32(top, vreinterpretq_s32_f32(vabsq_f32(v[i]))); // bits of numbers >= 0 are ordered like the numbers
	}
	union {
		int32_t i;
		float f;
	} d = {.i = vmaxvq_s32(top)};
	d.f = d.f / most;
	if (d.f - d.f != 0)
		d.f = __builtin_nanf("");
	else if (d.f < PG_LEAST)
		d.f = 0;
	d.i &= ~3;
	vf inverse = vset(d.f > 0 ? 1 / d.f : 0);
	vi sum[2] = {izero(), izero()};
	UNROLL for (int i = 0; i < 8; i += 2) {
		vi a = vcvtnq_s32_f32(vmul(v[i], inverse)), b = vcvtnq_s32_f32(vmul(v[i + 1], inverse));
		sum[i / 4] = vaddq_s32(sum[i / 4], vaddq_s32(a, b));
		int16x8_t q = vcombine_s16(vqmovn_s32(a), vqmovn_s32(b));
		if (form == PG_INT8)
			vst1_s8((int8_t *)act + place(c, i * 4, columns), vqmovn_s16(q));
		else
			vst1q_s16((int16_t *)act + c * 32 + i * 4, q);
	}
	int s0 = vaddvq_s32(sum[0]), s1 = vaddvq_s32(sum[1]);
	float *fields = (float *)(act + columns * bytes) + c * PG_FIELDS;
	int32_t *start = (int32_t *)fields;
	fields[PG_ACT_D] = d.f;
	fields[PG_ACT_BIAS] = -PG_BIAS * d.f;
	start[PG_ACT_START] = PG_BIAS_BITS - 128 * (s0 + s1);
	fields[PG_ACT_SUM] = d.f * (float)(s0 + s1);
	if (halves) {
		fields += columns * PG_FIELDS - PG_FIELDS; // PG_ACT_START0 is PG_FIELDS
		start += columns * PG_FIELDS - PG_FIELDS;
		start[PG_ACT_START0] = PG_BIAS_BITS - 128 * s0;
		start[PG_ACT_START1] = PG_BIAS_BITS - 128 * s1;
		fields[PG_ACT_SUM0] = d.f * (float)s0;
		fields[PG_ACT_SUM1] = d.f * (float)s1;
	}
}

// round_columns rounds some blocks of each column.
PG_DOT static inline void round_columns(const int form, int halves, const float *x, int64_t x_stride, int columns, int blocks,
	uint8_t *act) {
	for (int b = 0; b < blocks; b++, act += columns * pg_unit(form, halves))
		for (int c = 0; c < columns; c++)
			round_block(form, halves, x + c * x_stride + b * 32, c, columns, act);
}

// round_block_columns rounds a block of each column, PG_PANEL apart.
PG_DOT static inline void round_block_columns(const int form, int halves, const float *x, int columns, uint8_t *record) {
	round_columns(form, halves, x, PG_PANEL, columns, 1, record);
}

#define round_fixed_scales NULL // scales are floats

#endif
