#include "vector.h"

int pg_rgb(int level, uint8_t *rgb, const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int64_t n) {
	const pg_vectors *v = pg_vectors_of(level);
	if (v)
		v->rgb(rgb, y, cb, cr, n);
	return v != NULL;
}

int pg_upsample(int level, uint8_t *out, const uint8_t *near, const uint8_t *far, int64_t n) {
	const pg_vectors *v = pg_vectors_of(level);
	if (v)
		v->upsample(out, near, far, n);
	return v != NULL;
}
