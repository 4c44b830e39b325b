// Lines of a JPEG converted to RGB, as libjpeg-turbo does it. The functions return
// 0 where there is no kernel.
#ifndef PG_YCBCR_H
#define PG_YCBCR_H

#include <stdint.h>

// pg_rgb converts n pixels of full-range BT.601.
int pg_rgb(int level, uint8_t *rgb, const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int64_t n);

// pg_upsample spreads n >= 2 cells of 2 x 2 pixels over a line of 2n pixels, which
// lies in the cells near, next to the cells far.
int pg_upsample(int level, uint8_t *out, const uint8_t *near, const uint8_t *far, int64_t n);

#endif
