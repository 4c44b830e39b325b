// Vectors of float32 for NEON. vector_avx2.h says what the functions do. They
// name the instruction set of products, although only products need its dot
// instructions: a function can only be inlined into one with at least its own
// instructions.
#ifndef PG_VECTOR_NEON_H
#define PG_VECTOR_NEON_H

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#define PG_TARGET __attribute__((target("arch=armv8.2-a+dotprod")))
#define PG_INLINE PG_TARGET static inline __attribute__((always_inline, unused))
#define PG_UNROLL _Pragma("GCC unroll 8")

typedef float32x4_t vf;
typedef int32x4_t vi;
enum {
	LANES = 4,
	PANEL = 4, // vectors of a panel of rows: see attention_tile-inl.h
	ROWS = 6,  // rows of a block of accumulators
	DOTS = 4,  // rows of a block of dot products
};

PG_INLINE vf vset(float a) { return vdupq_n_f32(a); }
PG_INLINE vf vload(const float *p) { return vld1q_f32(p); }
PG_INLINE void vstore(float *p, vf a) { vst1q_f32(p, a); }
PG_INLINE vf vload_n(const float *p, int64_t n) {
	float a[LANES] = {0};
	for (int64_t i = 0; i < n; i++)
		a[i] = p[i];
	return vload(a);
}
PG_INLINE void vstore_n(float *p, vf v, int64_t n) {
	float a[LANES];
	vstore(a, v);
	for (int64_t i = 0; i < n; i++)
		p[i] = a[i];
}
PG_INLINE vf vload_half(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
PG_INLINE vf vload_half_n(const uint16_t *p, int64_t n) {
	uint16_t half[LANES] = {0};
	for (int64_t i = 0; i < n; i++)
		half[i] = p[i];
	return vload_half(half);
}
PG_INLINE void vstore_half(uint16_t *p, vf a) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a))); }
PG_INLINE void vstore_half_n(uint16_t *p, vf a, int64_t n) {
	uint16_t half[LANES];
	vstore_half(half, a);
	for (int64_t i = 0; i < n; i++)
		p[i] = half[i];
}
PG_INLINE vf vadd(vf a, vf b) { return vaddq_f32(a, b); }
PG_INLINE vf vsub(vf a, vf b) { return vsubq_f32(a, b); }
PG_INLINE vf vmul(vf a, vf b) { return vmulq_f32(a, b); }
PG_INLINE vf vdiv(vf a, vf b) { return vdivq_f32(a, b); }
PG_INLINE vf vfma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
PG_INLINE vf vfms(vf a, vf b, vf c) { return vfmaq_f32(vnegq_f32(c), a, b); }
PG_INLINE vf vfnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }

// vmaxq_f32 would return NaN where a or b is NaN.
PG_INLINE vf vmax(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
PG_INLINE vf vmin(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
PG_INLINE vf vround(vf a) { return vrndnq_f32(a); }
PG_INLINE vf vabs(vf a) { return vabsq_f32(a); }
PG_INLINE vf vsign(vf a, vf sign) { return vbslq_f32(vdupq_n_u32(0x80000000), sign, a); }
PG_INLINE vf vscale2(vf a, vf n) {
	vi e = vcvtnq_s32_f32(vmaxq_f32(n, vset(-127)));
	return vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(e, vdupq_n_s32(127)), 23)));
}
PG_INLINE void vquarter(vf n, vf *sine, vf *cosine) {
	vi q = vcvtnq_s32_f32(n), next = vaddq_s32(q, vdupq_n_s32(1));
	uint32x4_t odd = vtstq_s32(q, vdupq_n_s32(1)), sign = vdupq_n_u32(0x80000000);
	vf s = vbslq_f32(odd, *cosine, *sine), c = vbslq_f32(odd, *sine, *cosine);
	uint32x4_t s_turn = vandq_u32(vshlq_n_u32(vreinterpretq_u32_s32(q), 30), sign);
	uint32x4_t c_turn = vandq_u32(vshlq_n_u32(vreinterpretq_u32_s32(next), 30), sign);
	*sine = vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(s), s_turn));
	*cosine = vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(c), c_turn));
}
PG_INLINE vf vfinite_or_0(vf a) { return vbslq_f32(vceqq_f32(a, vset(-__builtin_inff())), vset(0), a); }
PG_INLINE void vload_bytes(const uint8_t *p, vi to[4]) {
	uint8x16_t a = vld1q_u8(p);
	uint16x8_t low = vmovl_u8(vget_low_u8(a)), high = vmovl_high_u8(a);
	to[0] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low)));
	to[1] = vreinterpretq_s32_u32(vmovl_high_u16(low));
	to[2] = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high)));
	to[3] = vreinterpretq_s32_u32(vmovl_high_u16(high));
}
PG_INLINE void vstore_bytes(uint8_t *p, const vi from[4]) {
	int16x8_t low = vqmovn_high_s32(vqmovn_s32(from[0]), from[1]);
	int16x8_t high = vqmovn_high_s32(vqmovn_s32(from[2]), from[3]);
	vst1q_u8(p, vqmovun_high_s16(vqmovun_s16(low), high));
}
PG_INLINE float vsum(vf a) { return vaddvq_f32(a); }
PG_INLINE float vtop(vf a) { return vmaxvq_f32(a); }
PG_INLINE void vsum4(vf a, vf b, vf c, vf d, float sum[4]) {
	vst1q_f32(sum, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}

typedef uint8x16_t bytes16;
PG_INLINE bytes16 load16(const uint8_t *p) { return vld1q_u8(p); }
PG_INLINE void store16(uint8_t *p, bytes16 a) { vst1q_u8(p, a); }
PG_INLINE void zip16(bytes16 a, bytes16 b, bytes16 to[2]) {
	to[0] = vzip1q_u8(a, b);
	to[1] = vzip2q_u8(a, b);
}

// transpose4 sets to[i][to_at + j] = from[j][at + i] for i, j < 4.
PG_INLINE void transpose4(const float *const from[4], int64_t at, float *const to[4], int64_t to_at) {
	float32x4x2_t a = vtrnq_f32(vld1q_f32(from[0] + at), vld1q_f32(from[1] + at));
	float32x4x2_t b = vtrnq_f32(vld1q_f32(from[2] + at), vld1q_f32(from[3] + at));
	vst1q_f32(to[0] + to_at, vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0])));
	vst1q_f32(to[1] + to_at, vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1])));
	vst1q_f32(to[2] + to_at, vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0])));
	vst1q_f32(to[3] + to_at, vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1])));
}

// transpose8 sets to[i][j] = from[j][i] for i, j < 8.
PG_INLINE void transpose8(const float *const from[8], float *const to[8]) {
	PG_UNROLL for (int i = 0; i < 8; i += 4) {
		PG_UNROLL for (int j = 0; j < 8; j += 4)
			transpose4(from + j, i, to + i, j);
	}
}

#include "vector_math-inl.h"

#endif
