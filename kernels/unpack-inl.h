// Packed weights made into scales, and quants as bytes or words, which tiles read.
#ifndef PG_UNPACK_INL_H
#define PG_UNPACK_INL_H

#include "quants-inl.h"

// heads converts the scales of blocks [b, end), whose records begin at p.
PG_KERNEL static void heads(const pg_format *f, const uint8_t *p, int b, int end, pg_chunk *chunk) {
	int each = f->block / 32;
	for (; b < end; b += each, p += pg_record_bytes(f)) {
		const uint16_t *d = (const uint16_t *)p, *m = d + PG_PANEL;
		const uint8_t *s = (const uint8_t *)(d + PG_PANEL);
		__builtin_prefetch(p + 2 * pg_record_bytes(f));
		for (int i = 0; i < PG_PANEL; i += LANES) {
			vf vd = vload_half(d + i), vm;
			switch (f->head) {
			case PG_D:
				vstore(chunk->d[b][0] + i, vd);
				break;
			case PG_DM:
				vstore(chunk->d[b][0] + i, vd);
				vstore(chunk->m[b][0] + i, vload_half(m + i));
				break;
			case PG_K_SCALE:
				for (int j = 0; j < each << f->halves; j++)
					vstore(chunk->d[b + (j >> f->halves)][j & f->halves] + i, vmul(vd, iint8(s + j * PG_PANEL + i)));
				break;
			case PG_K_MIN:
				vm = vsub(vset(0), vload_half(m + i));
				s = (const uint8_t *)(d + 2 * PG_PANEL);
				for (int j = 0; j < each; j++) {
					vstore(chunk->d[b + j][0] + i, vmul(vd, iint8(s + j * 2 * PG_PANEL + i)));
					vstore(chunk->m[b + j][0] + i, vmul(vm, iint8(s + (j * 2 + 1) * PG_PANEL + i)));
				}
				break;
			case PG_K_MIN16:
				vm = vsub(vset(0), vload_half(m + i));
				s = (const uint8_t *)(d + 2 * PG_PANEL);
				for (int j = 0; j < 2 * each; j++) {
					vstore(chunk->d[b + j / 2][j % 2] + i, vmul(vd, inibble(s + j * PG_PANEL + i, 0)));
					vstore(chunk->m[b + j / 2][j % 2] + i, vmul(vm, inibble(s + j * PG_PANEL + i, 4)));
				}
				break;
			}
		}
	}
}

// put stores four groups of centered quants, from group g on, of vector v of rows.
PG_DOT static inline void put(const int plane, const int form, uint8_t *to, const int g, const int v, const vi q[4]) {
	to += v * VECTOR;
	UNROLL for (int i = 0; i < 4; i++) {
		if (form == PG_INT16) {
			istore(to + 2 * (g + i) * LINES, widened(plane, q[i], 0));
			istore(to + (2 * (g + i) + 1) * LINES, widened(plane, q[i], 1));
		} else {
			istore(to + (g + i) * LINES, PAIRS ? ipair(q[i & ~1], q[i | 1], i & 1) : q[i]);
		}
	}
}

// unpack_planes stores the quants of a tile's weights, whose records begin at p.
PG_DOT static inline void unpack_planes(const int plane, const int form, const pg_tile *t, const uint8_t *p) {
	int each = t->f->block / 32;
	uint8_t *to = t->chunk->w;
	const uint8_t *ahead = t->next;
	for (int b = 0; b < t->blocks; b++, p += t->f->plane_bytes, to += t->w_step) {
		for (int i = 0; i < t->lines; i++, ahead += 64)
			__builtin_prefetch(ahead, 0, 2);
		if (b % each == 0)
			p += t->f->head_bytes;
		UNROLL for (int g = 0; g < 8; g += 4) {
			UNROLL for (int v = 0; v < VECTORS; v++) {
				vi q[4];
				UNROLL for (int i = 0; i < 4; i++)
					q[i] = bytes(plane, p, g + i, v);
				put(plane, form, to, g, v, q);
			}
		}
	}
}

#define UNPACK(name, ...) \
	case PG_##name: \
		if (form == PG_INT16) \
			unpack_planes(PG_##name, PG_INT16, t, records); \
		else \
			unpack_planes(PG_##name, PG_INT8, t, records); \
		break;

// together returns how many columns of float weights lie in turn.
static inline int together(const int type) { return type == PG_BF16 ? 2 : 1; }

// floats reads LANES float weights.
PG_DOT static inline vf floats(const int type, const uint8_t *p) {
	if (type == PG_F16)
		return vload_half((const uint16_t *)p);
	if (type == PG_BF16)
		return ibfloat((const uint16_t *)p);
	return vload((const float *)p);
}

// packed_floats reads vector v of the rows of packed weights, of column i of those
// that lie in turn from p on.
PG_DOT static inline vf packed_floats(const int type, const uint8_t *p, const int v, const int i) {
	if (type == PG_BF16)
		return ibhalf(iload(p + v * VECTOR), i);
	return floats(type, p + v * LANES * (type == PG_F32 ? 4 : 2));
}

PG_DOT static inline void unpack_floats(const int type, const pg_tile *t, const uint8_t *p) {
	float *to = (float *)t->chunk->w;
	for (int k = 0; k < t->blocks; k += together(type), p += together(type) * PG_PANEL * t->f->bytes)
		UNROLL for (int i = 0; i < together(type); i++)
			UNROLL for (int v = 0; v < VECTORS; v++, to += LANES)
				vstore(to, packed_floats(type, p, v, i));
}

// in_place reports whether tiles of words and few columns are streams. The words of a chunk fill
// the nearest cache, so that unpacking them takes the time of more tiles than of
// bytes.
PG_DOT static inline int in_place(const pg_tile *t) {
	return NARROW && t->few && t->f->planes == PG_P8 && t->form == PG_INT16;
}

// unpack prepares the weights of a tile, whose records it reads.
PG_KERNEL static void unpack(pg_tile *t, const uint8_t *records) {
	const pg_format *f = t->f;
	const int form = t->form;
	t->w = t->chunk->w;
	if (form == PG_BFLOAT) {
		t->w = records; // in place
		return;
	}
	if (form == PG_FLOAT) {
		switch (f->type) {
		case PG_F16: unpack_floats(PG_F16, t, records); break;
		case PG_BF16: unpack_floats(PG_BF16, t, records); break;
		default: t->w = records; // in place
		}
		return;
	}
	if (in_place(t)) {
		t->w = records;
		return;
	}
	heads(f, records, 0, t->blocks, t->chunk);
	t->w_step = form == PG_INT16 ? 16 * LINES : 8 * LINES;
	if (f->planes == PG_P8 && form != PG_INT16 && CENTER == 128 && !PAIRS) { // in place
		t->w = records + f->head_bytes;
		t->w_step = (size_t)(f->head_bytes + f->plane_bytes);
		return;
	}
	switch (f->planes) { PG_PLANE_LIST(UNPACK) }
}

#endif
