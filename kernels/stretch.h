// Pictures stretched as Pillow does it.
#ifndef PG_STRETCH_H
#define PG_STRETCH_H

#include <stdint.h>

enum { PG_LINES = 16 }; // that are stretched together

// Which pixels or lines make those of a result: from first[i] on those with
// weights[at[i]] to weights[at[i + 1] - 1], which have 22 fractional bits.
typedef struct {
	const int32_t *first, *at, *weights;
} pg_windows;

// Lines of pixels of three bytes are stretched by columns to size pixels, then
// by lines; both times, sums are rounded half up and clipped to bytes. Windows
// are not empty, start in order and end in order.
typedef struct {
	const uint8_t *pixels;
	int64_t width, size; // pixels of a line, and of one of the result
	pg_windows columns, lines;
	int32_t *out;     // 3 size a line
	uint8_t *scratch; // pg_stretch_scratch bytes
	int level;        // a supported level of instruction sets, or PG_AUTO for the best
} pg_stretch;

// pg_stretched is the bytes from one stretched line to the next.
static inline int64_t pg_stretched(int64_t size) { return 3 * ((size + PG_LINES - 1) / PG_LINES * PG_LINES); }

static inline int64_t pg_stretch_scratch(int64_t width, int64_t size) {
	return PG_LINES * (3 * width + 2 * pg_stretched(size));
}

// pg_stretch_lines computes lines first to last-1 of the result.
void pg_stretch_lines(pg_stretch op, int64_t first, int64_t last);

#endif
