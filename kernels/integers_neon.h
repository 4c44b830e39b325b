// Integer operations of NEON for products, which the levels with and without i8mm
// share. integers_avx2.h says what the functions do. Weights are signed bytes:
// sdot has no unsigned operand.
#ifndef PG_INTEGERS_NEON_H
#define PG_INTEGERS_NEON_H

#define SUMS 0
#define WIDE 1
#define NARROW 0
#define CENTER 0
#define STREAM_FORM(plane) PG_INT8

#include "pack.h"
#include "vector_neon.h"
#include <string.h>

typedef uint16_t v16 __attribute__((vector_size(16)));

PG_DOT static inline int8x16_t ias8(vi a) { return vreinterpretq_s8_s32(a); }
PG_DOT static inline int16x8_t ias16(vi a) { return vreinterpretq_s16_s32(a); }

PG_DOT static inline vi izero(void) { return vdupq_n_s32(0); }
PG_DOT static inline vi iload(const void *p) { return vreinterpretq_s32_u8(vld1q_u8(p)); }
PG_DOT static inline void istore(void *p, vi a) { vst1q_u8(p, vreinterpretq_u8_s32(a)); }
PG_DOT static inline vi iset(const void *p) {
	__asm__ volatile("" : "+r"(p)); // else gcc moves all loads before the loop and runs out of registers
	int32_t i;
	memcpy(&i, p, sizeof i);
	return vdupq_n_s32(i);
}
PG_DOT static inline vi ibytes(int8_t a) { return vreinterpretq_s32_s8(vdupq_n_s8(a)); }
PG_DOT static inline vi iwords(int16_t a) { return vreinterpretq_s32_s16(vdupq_n_s16(a)); }
PG_DOT static inline vi iand(vi a, vi b) { return vandq_s32(a, b); }
PG_DOT static inline vi ior(vi a, vi b) { return vorrq_s32(a, b); }
PG_DOT static inline vi iadd8(vi a, vi b) { return vreinterpretq_s32_s8(vaddq_s8(ias8(a), ias8(b))); }
PG_DOT static inline vi isub16(vi a, vi b) { return vreinterpretq_s32_s16(vsubq_s16(ias16(a), ias16(b))); }
PG_DOT static inline vf ifloat(vi a) { return vreinterpretq_f32_s32(a); }
PG_DOT static inline vf iconvert(vi a) { return vcvtq_f32_s32(a); }

PG_DOT static inline vi ishift(vi a, const int n) {
	if (n == 0)
		return a;
	return n > 0 ? (vi)((v16)a << n) : (vi)((v16)a >> -n);
}

// ilookup returns values of the codebook.
PG_DOT static inline vi ilookup(vi i) {
	return vreinterpretq_s32_s8(vqtbl1q_s8(vld1q_s8(pg_codebook), vreinterpretq_u8_s32(i)));
}

// iwiden sign-extends bytes 2 pair and 2 pair + 1 of every four.
PG_DOT static inline vi iwiden(vi a, const int pair) {
	// Each byte goes to the high half of a word.
	static const uint8_t from[2][16] = {
		{255, 0, 255, 1, 255, 4, 255, 5, 255, 8, 255, 9, 255, 12, 255, 13},
		{255, 2, 255, 3, 255, 6, 255, 7, 255, 10, 255, 11, 255, 14, 255, 15},
	};
	int8x16_t high = vqtbl1q_s8(ias8(a), vld1q_u8(from[pair]));
	return vreinterpretq_s32_s16(vshrq_n_s16(vreinterpretq_s16_s8(high), 8));
}

PG_DOT static inline vi idot16(vi s, vi w, vi x) {
	vi low = vmull_s16(vget_low_s16(ias16(w)), vget_low_s16(ias16(x)));
	s = vaddq_s32(s, vpaddq_s32(low, vmull_high_s16(ias16(w), ias16(x))));
	__asm__ volatile("" : "+w"(s)); // else compilers delay the additions
	return s;
}

// idot8 adds to each sum the products of four bytes of w and bytes 4 lane.. of x.
PG_DOT static inline vi idot8(vi s, vi w, int8x16_t x, const int lane) {
	switch (lane) {
	case 0: return vdotq_laneq_s32(s, ias8(w), x, 0);
	case 1: return vdotq_laneq_s32(s, ias8(w), x, 1);
	case 2: return vdotq_laneq_s32(s, ias8(w), x, 2);
	}
	return vdotq_laneq_s32(s, ias8(w), x, 3);
}

PG_DOT static inline vf iint8(const uint8_t *p) {
	return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vget_low_s32(iset(p)))))));
}
PG_DOT static inline vf inibble(const uint8_t *p, const int from) {
	uint32x4_t a = vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_s32(vget_low_s32(iset(p))))));
	return vcvtq_f32_u32(vandq_u32(vshlq_u32(a, vdupq_n_s32(-from)), vdupq_n_u32(15)));
}
PG_DOT static inline vf ibfloat(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
PG_DOT static inline vf ibhalf(vi a, const int second) {
	return vreinterpretq_f32_s32(second ? vandq_s32(a, vdupq_n_s32((int)0xffff0000)) : vshlq_n_s32(a, 16));
}

PG_DOT static inline void ihalves(vi a, vf to[2]) {
	uint32x4_t halves = vreinterpretq_u32_s32(a);
	to[0] = vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32(halves)));
	to[1] = vcvt_f32_f16(vreinterpret_f16_u16(vshrn_n_u32(halves, 16)));
}
PG_DOT static inline void ipieces(const uint8_t *p, size_t step, vi to[4]) {
	vi a[4];
	for (int i = 0; i < 4; i++, p += step)
		a[i] = iload(p);
	int32x4x2_t low = vzipq_s32(a[0], a[2]), high = vzipq_s32(a[1], a[3]);
	int32x4x2_t first = vzipq_s32(low.val[0], high.val[0]), last = vzipq_s32(low.val[1], high.val[1]);
	to[0] = first.val[0], to[1] = first.val[1];
	to[2] = last.val[0], to[3] = last.val[1];
}

#include "quants-inl.h"

// dots8 adds the products of bytes to s.
PG_DOT static inline void dots8(const int plane, const int columns, const uint8_t *w, const uint8_t *act,
	const int v, const int g0, const int groups, vi s[2][PG_MAX_COLUMNS]) {
	UNROLL for (int part = g0; part < g0 + groups; part += 4) {
		int8x16_t x[PG_MAX_COLUMNS];
		UNROLL for (int c = 0; c < columns; c++)
			x[c] = vld1q_s8((const int8_t *)act + c * 32 + part * 4);
		UNROLL for (int lane = 0; lane < 4; lane++) {
			vi w0 = bytes(plane, w, part + lane, v), w1 = bytes(plane, w, part + lane, v + 1);
			UNROLL for (int c = 0; c < columns; c++) {
				s[0][c] = idot8(s[0][c], w0, x[c], lane);
				s[1][c] = idot8(s[1][c], w1, x[c], lane);
			}
		}
	}
}

// istart needs no correction of signed weights.
PG_DOT static inline vi istart(const float *start, const pg_format *f) {
	(void)start, (void)f;
	return vdupq_n_s32(PG_BIAS_BITS);
}

#endif
