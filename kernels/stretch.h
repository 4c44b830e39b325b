// Pictures stretched as Pillow does it: in two passes, with 8-bit results of each.
#ifndef PG_STRETCH_H
#define PG_STRETCH_H

#include <stdint.h>

enum { PG_LINES = 16 }; // lines that are stretched together

// A pg_windows says which pixels or lines make pixel or line i of a result: those
// from first[i] on, times weights[at[i]] to weights[at[i + 1] - 1], which have 22
// fractional bits.
typedef struct {
	const int32_t *first, *at, *weights;
} pg_windows;

// A pg_stretch stretches lines of pixels of three bytes by columns to size pixels,
// then by lines. Both times, sums are rounded half up and clipped to bytes. Windows
// are not empty, start in order and end in order.
typedef struct {
	const uint8_t *pixels;
	int64_t width, size; // pixels of a line, and of a line of the result
	pg_windows columns, lines;
	int32_t *out;     // 3 size a line
	uint8_t *scratch; // pg_stretch_scratch bytes
	int level;        // a supported level of instruction sets, or PG_AUTO for the best
} pg_stretch;

// pg_stretched returns the bytes from one stretched line to the next.
static inline int64_t pg_stretched(int64_t size) { return 3 * ((size + PG_LINES - 1) / PG_LINES * PG_LINES); }

// pg_stretch_scratch returns the bytes of scratch memory of a pg_stretch.
static inline int64_t pg_stretch_scratch(int64_t width, int64_t size) {
	return PG_LINES * (3 * width + 2 * pg_stretched(size));
}

// pg_stretch_lines computes lines [first, last) of the result.
void pg_stretch_lines(pg_stretch op, int64_t first, int64_t last);

#endif
