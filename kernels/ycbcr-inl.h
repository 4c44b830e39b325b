// Lines of a JPEG: loops that compilers turn into vectors.
#ifndef PG_YCBCR_INL_H
#define PG_YCBCR_INL_H

#include "ycbcr.h"

PG_INLINE uint8_t clip8(int32_t a) { return (uint8_t)(a < 0 ? 0 : (a > 255 ? 255 : a)); }

PG_TARGET static void rgb_line(uint8_t *restrict rgb, const uint8_t *restrict y, const uint8_t *restrict cb, const uint8_t *restrict cr, int64_t n) {
	const int32_t half = 1 << 15;
	for (int64_t i = 0; i < n; i++) {
		int32_t b = cb[i] - 128, r = cr[i] - 128;
		rgb[3 * i] = clip8(y[i] + ((91881 * r + half) >> 16));                  // 1.40200
		rgb[3 * i + 1] = clip8(y[i] + ((-22554 * b - 46802 * r + half) >> 16)); // 0.34414, 0.71414
		rgb[3 * i + 2] = clip8(y[i] + ((116130 * b + half) >> 16));             // 1.77200
	}
}

// spread computes the two pixels of a cell. left, sum and right are weighted sums
// of near and far cells: of this cell and of its neighbours.
PG_INLINE void spread(uint8_t *out, int left, int sum, int right) {
	out[0] = (uint8_t)((3 * sum + left + 8) >> 4);
	out[1] = (uint8_t)((3 * sum + right + 7) >> 4);
}

PG_TARGET static void upsample(uint8_t *restrict out, const uint8_t *restrict near, const uint8_t *restrict far, int64_t n) {
	int first = 3 * near[0] + far[0], last = 3 * near[n - 1] + far[n - 1];
	spread(out, first, first, 3 * near[1] + far[1]);
	for (int64_t i = 1; i < n - 1; i++)
		spread(out + 2 * i, 3 * near[i - 1] + far[i - 1], 3 * near[i] + far[i], 3 * near[i + 1] + far[i + 1]);
	spread(out + 2 * (n - 1), 3 * near[n - 2] + far[n - 2], last, last);
}

#endif
