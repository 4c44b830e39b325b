// The inner loops of products, for any product_<level>.c that has defined
// vectors of LANES numbers, their integer operations, and
//
//	PG_DOT        what its functions are declared with
//	SUMS          1 if a tile's sums fit in registers beside its integers
//	NARROW        1 if products of bytes saturate: weights then keep their own
//	              range instead of being made bytes around 128
//	STREAM_FORM   the form of activations for a plane, accuracy aside
//
// and, where it is not as below,
//
//	CENTER        what weights made bytes lie around: 128, or 0 for signed
//	              bytes, which iwiden then extends
//	WIDE          1 if tiles of floats have up to 12 columns
//	PAIRS         1 if unpacked weights and activations lie in pairs of rows and
//	              of columns, 8 values of each in turn; ipair then gives the
//	              first or last pairs of rows of two groups of columns
//
// A tile is 2 vectors of rows times up to 6 columns.
#include "level.h"

#ifndef CENTER
#define CENTER 128
#endif
#ifndef WIDE
#define WIDE SUMS
#endif
#ifndef PAIRS
#define PAIRS 0
#define ipair(a, b, rows) (a)
#endif

#ifdef __SANITIZE_ADDRESS__ // for which so much code takes hours to compile
#define UNROLL
#elif defined(__clang__) // which would unroll loops before it knows how long they are
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define ONCE _Pragma("GCC unroll 1")

enum {
	VECTOR = 4 * LANES,          // bytes of a vector
	VECTORS = PG_PANEL / LANES,  // vectors of a panel's rows
	LINES = 4 * PG_PANEL,        // bytes of 4 columns of a panel
};

// Instead of a plane: quants that unpack has made, and those of 4 bits if
// NARROW.
enum { UNPACKED = -1, UNPACKED4 = -2 };

// less is what is subtracted from a plane's quants.
PG_DOT static inline int less(const int plane) {
	switch (plane) {
	case PG_P8: return 128;
	case PG_P4: return 8;
	case PG_P5: return 16;
	case PG_P6: return 32;
	case PG_P3: return 4;
	}
	return 0;
}

// bits returns the bits above mask's lowest, at its place, of the bytes at p,
// where they begin at bit from.
PG_DOT static inline vi bits(const uint8_t *p, const int from, const int mask, const int to) {
	return iand(ishift(iload(p), to - from), ibytes((int8_t)mask));
}

// quants returns group g of 4 columns of vector v of rows, as unsigned bytes.
PG_DOT static inline vi quants(const int plane, const uint8_t *w, const int g, const int v) {
	w += v * VECTOR;
	switch (plane) {
	case PG_P4: case PG_P4U:
		return bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0);
	case PG_P4C:
		return ilookup(bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0));
	case PG_P5: case PG_P5U:
		return ior(bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0), bits(w + 512, g, 0x10, 4));
	case PG_P6:
		return ior(bits(w + g % 4 * LINES, g / 4 * 4, 0x0f, 0), bits(w + 512 + g / 4 * LINES, g % 4 * 2, 0x30, 4));
	case PG_P3:
		return ior(bits(w + g / 4 * LINES, g % 4 * 2, 0x03, 0), bits(w + 256, g, 0x04, 2));
	case PG_P2U:
		return bits(w + g / 4 * LINES, g % 4 * 2, 0x03, 0);
	}
	return iload(w + g * LINES); // PG_P8, UNPACKED
}

// bytes returns quants as unpack leaves them: around CENTER, or as they are.
PG_DOT static inline vi bytes(const int plane, const uint8_t *w, const int g, const int v) {
	vi q = quants(plane, w, g, v);
	if (NARROW || plane == PG_P4C || plane < 0 || less(plane) == CENTER)
		return q;
	return iadd8(q, ibytes((int8_t)(CENTER - less(plane))));
}

// words returns columns 0, 1 or 2, 3 of a group, as signed 16-bit values.
PG_DOT static inline vi words(const int plane, const uint8_t *w, const int g, const int v, const int pair) {
	if (plane < 0)
		return iload(w + (2 * g + pair) * LINES + v * VECTOR);
	int center = plane == PG_P4C || !NARROW ? CENTER : less(plane);
	return isub16(iwiden(bytes(plane, w, g, v), pair), iwords((int16_t)center));
}

// field returns field i of column c of a record of activations.
PG_DOT static inline const float *field(const int form, const uint8_t *act, const int columns, const int c, const int i) {
	act += columns * (form == PG_INT16 ? 64 : 32);
	return (const float *)act + i / PG_FIELDS * columns * PG_FIELDS + c * PG_FIELDS + i % PG_FIELDS;
}

// integers sums the products of 32 or 16 columns of 2 vectors of rows.
PG_DOT static inline void integers(const int form, const int plane, const int columns, const uint8_t *w, const uint8_t *act,
                                   const int v, const int g0, const int groups, vi s[2][PG_MAX_COLUMNS]) {
	if (form == PG_INT16) {
		UNROLL for (int g = g0; g < g0 + groups; g++) {
			UNROLL for (int pair = 0; pair < 2; pair++) {
				vi w0 = words(plane, w, g, v, pair), w1 = words(plane, w, g, v + 1, pair);
				UNROLL for (int c = 0; c < columns; c++) {
					vi x = iset(act + c * 64 + (2 * g + pair) * 4);
					s[0][c] = idot16(s[0][c], w0, x);
					s[1][c] = idot16(s[1][c], w1, x);
				}
			}
		}
		return;
	}
	INTEGERS8
}

// block adds the products of 32 columns of 2 vectors of rows, from vector v, to
// y.
PG_DOT static inline void block(const int form, const int plane, const int halves, const int columns,
                                const pg_tile *t, const uint8_t *w, const uint8_t *act, const float *d, const float *m,
                                const int v, vf y[2][PG_MAX_COLUMNS]) {
	vi s[2][PG_MAX_COLUMNS];
	vf part[2][PG_MAX_COLUMNS];
	UNROLL for (int h = 0; h < 1 + halves; h++) {
		UNROLL for (int c = 0; c < columns; c++) {
			vi start = izero();
			if (form == PG_INT8)
				start = istart(field(form, act, columns, c, halves ? 4 + h : 2), t->f);
			s[0][c] = s[1][c] = start;
		}
		if (halves)
			integers(form, plane, columns, w, act, v, 4 * h, 4, s);
		else
			integers(form, plane, columns, w, act, v, 0, 8, s);
		if (halves) {
			vf bias = vset(PG_BIAS);
			UNROLL for (int i = 0; i < 2; i++) {
				vf scale = vload(d + h * PG_PANEL + (v + i) * LANES);
				UNROLL for (int c = 0; c < columns; c++) {
					vf sum = form == PG_INT8 ? vsub(ifloat(s[i][c]), bias) : iconvert(s[i][c]);
					part[i][c] = h == 0 ? vmul(sum, scale) : vfma(sum, scale, part[i][c]);
				}
			}
		}
	}
	UNROLL for (int c = 0; c < columns; c++) {
		vf xd = vset(*field(form, act, columns, c, 0)), bias = vset(*field(form, act, columns, c, 1));
		UNROLL for (int i = 0; i < 2; i++) {
			if (halves) {
				y[i][c] = vfma(part[i][c], xd, y[i][c]);
				continue;
			}
			vf sum = form == PG_INT8 ? vfma(ifloat(s[i][c]), xd, bias) : vmul(iconvert(s[i][c]), xd);
			y[i][c] = vfma(sum, vload(d + (v + i) * LANES), y[i][c]);
		}
	}
	if (t->f->mins) {
		UNROLL for (int h = 0; h < 1 + halves; h++) {
			UNROLL for (int i = 0; i < 2; i++) {
				vf min = vload(m + h * PG_PANEL + (v + i) * LANES);
				UNROLL for (int c = 0; c < columns; c++)
					y[i][c] = vfma(min, vset(*field(form, act, columns, c, halves ? 6 + h : 3)), y[i][c]);
			}
		}
	}
}

PG_DOT static inline void sums(const int load, const int columns, const int v, float *acc, vf y[2][PG_MAX_COLUMNS]) {
	UNROLL for (int c = 0; c < columns; c++) {
		UNROLL for (int i = 0; i < 2; i++) {
			if (load)
				y[i][c] = vload(acc + c * PG_PANEL + (v + i) * LANES);
			else
				vstore(acc + c * PG_PANEL + (v + i) * LANES, y[i][c]);
		}
	}
}

PG_DOT static inline void clear(const pg_tile *t, const int columns) {
	if (t->first)
		memset(t->acc, 0, (size_t)columns * PG_PANEL * sizeof *t->acc);
}

// heads converts the scales of the records of blocks [b, end).
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

// blocks is a tile, or a stream if plane says how weights are packed.
PG_DOT static inline void blocks(const int form, const int plane, const int halves, const int columns, const pg_tile *t) {
	const uint8_t *w = t->w, *act = t->act;
	const uint8_t *ahead = t->next;
	size_t step = t->w_step, head = 0;
	int each = t->f->block / 32, left = each;
	if (plane >= 0) {
		head = (size_t)t->f->head_bytes;
		step = (size_t)t->f->plane_bytes;
		w += head;
	}
	clear(t, columns);
	size_t record = (size_t)(pg_unit(form, t->wide) * columns);
	vf y[2][PG_MAX_COLUMNS];
	if (SUMS)
		sums(1, columns, 0, t->acc, y);
	for (int b = 0; b < t->blocks; b++) {
		if (plane >= 0 && left == each)
			heads(t->f, w - head, b, b + each, t->chunk);
		for (int i = 0; i < t->lines; i++, ahead += 64) {
			if (plane < 0)
				__builtin_prefetch(ahead, 0, 2); // is used only after the other tiles
			else
				__builtin_prefetch(ahead);
		}
		ONCE for (int v = 0; v < VECTORS; v += 2) {
			if (!SUMS)
				sums(1, columns, v, t->acc, y);
			block(form, plane, halves, columns, t, w, act, t->chunk->d[b][0], t->chunk->m[b][0], v, y);
			if (!SUMS)
				sums(0, columns, v, t->acc, y);
		}
		act += record;
		w += step;
		if (plane >= 0 && --left == 0) {
			left = each;
			w += head;
		}
	}
	if (SUMS)
		sums(0, columns, 0, t->acc, y);
}

// Every kind of tile by its number of columns, and every kind of stream, as
// functions of their own.
#define TILE(name, form, plane, halves, columns) \
	PG_KERNEL static void name##_##columns(const pg_tile *t) { blocks(form, plane, halves, columns, t); }
#define TILES(name, ...) \
	TILE(name, __VA_ARGS__, 1) TILE(name, __VA_ARGS__, 2) TILE(name, __VA_ARGS__, 3) \
	TILE(name, __VA_ARGS__, 4) TILE(name, __VA_ARGS__, 5) TILE(name, __VA_ARGS__, 6)
#define NAMES(name) name##_1, name##_2, name##_3, name##_4, name##_5, name##_6

typedef void tile_function(const pg_tile *);

TILES(int8, PG_INT8, UNPACKED, 0)
TILES(int8_halves, PG_INT8, UNPACKED, 1)
#if NARROW
TILES(int4, PG_INT8, UNPACKED4, 0)
#endif
TILES(int16, PG_INT16, UNPACKED, 0)
TILES(int16_halves, PG_INT16, UNPACKED, 1)

PG_KERNEL static void tile(const pg_tile *t) {
	static tile_function *const all[2][2][6] = {
		{{NAMES(int8)}, {NAMES(int8_halves)}},
		{{NAMES(int16)}, {NAMES(int16_halves)}},
	};
#if NARROW
	static tile_function *const four[] = {NAMES(int4)};
	if (t->form == PG_INT8 && (t->f->planes == PG_P4 || t->f->planes == PG_P4U)) {
		four[t->columns - 1](t);
		return;
	}
#endif
	all[t->form == PG_INT16][t->f->halves][t->columns - 1](t);
}

PG_DOT static inline void unpack_planes(const int plane, const int form, const pg_tile *t, const uint8_t *p) {
	int each = t->f->block / 32;
	uint8_t *to = t->chunk->w;
	const uint8_t *ahead = t->next;
	for (int b = 0; b < t->blocks; b++, p += t->f->plane_bytes, to += t->w_step) {
		for (int i = 0; i < t->lines; i++, ahead += 64)
			__builtin_prefetch(ahead, 0, 2);
		if (b % each == 0)
			p += t->f->head_bytes;
		UNROLL for (int g = 0; g < 8; g++) {
			UNROLL for (int v = 0; v < VECTORS; v++) {
				if (form == PG_INT8 && PAIRS) {
					istore(to + g * LINES + v * VECTOR, ipair(bytes(plane, p, g & ~1, v), bytes(plane, p, g | 1, v), g & 1));
				} else if (form == PG_INT8) {
					istore(to + g * LINES + v * VECTOR, bytes(plane, p, g, v));
				} else {
					istore(to + 2 * g * LINES + v * VECTOR, words(plane, p, g, v, 0));
					istore(to + (2 * g + 1) * LINES + v * VECTOR, words(plane, p, g, v, 1));
				}
			}
		}
	}
}

#define UNPACK(plane) \
	case plane: \
		if (form == PG_INT8) \
			unpack_planes(plane, PG_INT8, t, records); \
		else \
			unpack_planes(plane, PG_INT16, t, records); \
		break;

// floats reads LANES float weights.
PG_DOT static inline vf floats(const int type, const uint8_t *p) {
	if (type == PG_F16)
		return vload_half((const uint16_t *)p);
	if (type == PG_BF16)
		return ibfloat((const uint16_t *)p);
	return vload((const float *)p);
}

PG_DOT static inline void unpack_floats(const int type, const pg_tile *t, const uint8_t *p) {
	int bytes = t->f->bytes;
	for (int i = 0; i < t->blocks * PG_PANEL; i += LANES)
		vstore((float *)t->chunk->w + i, floats(type, p + i * bytes));
}

PG_KERNEL static void unpack(pg_tile *t, const uint8_t *records) {
	const pg_format *f = t->f;
	const int form = t->form;
	t->w = t->chunk->w;
	if (form == PG_FLOAT) {
		switch (f->type) {
		case PG_F16: unpack_floats(PG_F16, t, records); break;
		case PG_BF16: unpack_floats(PG_BF16, t, records); break;
		default: t->w = records; // as they are
		}
		return;
	}
	heads(f, records, 0, t->blocks, t->chunk);
	t->w_step = form == PG_INT8 ? 8 * LINES : 16 * LINES;
	if (f->planes == PG_P8 && form == PG_INT8 && CENTER == 128 && !PAIRS) { // as they are
		t->w = records + f->head_bytes;
		t->w_step = (size_t)(f->head_bytes + f->plane_bytes);
		return;
	}
	switch (f->planes) {
	UNPACK(PG_P8) UNPACK(PG_P4) UNPACK(PG_P4U) UNPACK(PG_P4C) UNPACK(PG_P5)
	UNPACK(PG_P5U) UNPACK(PG_P6) UNPACK(PG_P3) UNPACK(PG_P2U)
	}
}

#define STREAM(plane, halves) TILE(stream_##plane, STREAM_FORM(plane), plane, halves, 1)
STREAM(PG_P8, 0)
STREAM(PG_P4, 0)
STREAM(PG_P4U, 0)
STREAM(PG_P4C, 0)
STREAM(PG_P5, 0)
STREAM(PG_P5U, 0)
STREAM(PG_P6, 1)
STREAM(PG_P3, 1)
STREAM(PG_P2U, 1)

// A stream is a tile of one column that reads packed weights in place.
PG_KERNEL static void stream(const pg_tile *t) {
	static tile_function *const all[PG_PLANES] = {
		[PG_P8] = stream_PG_P8_1, [PG_P4] = stream_PG_P4_1, [PG_P4U] = stream_PG_P4U_1,
		[PG_P4C] = stream_PG_P4C_1, [PG_P5] = stream_PG_P5_1, [PG_P5U] = stream_PG_P5U_1,
		[PG_P6] = stream_PG_P6_1, [PG_P3] = stream_PG_P3_1, [PG_P2U] = stream_PG_P2U_1,
	};
	if (t->form != STREAM_FORM(t->f->planes)) { // the form for accuracy
		pg_tile unpacked = *t;
		unpack(&unpacked, t->w);
		tile(&unpacked);
		return;
	}
	all[t->f->planes](t);
}

// float_block is a tile of float weights, converted or not. Sums are added up
// in runs of 16 columns, so that they lose no more than ggml's, which adds up
// many sums at once.
PG_DOT static inline void float_block(const int type, const int columns, const pg_tile *t) {
	const int bytes = type == PG_F32 ? 4 : 2, run = 16;
	clear(t, columns);
	ONCE for (int v = 0; v < VECTORS; v += 2) {
		const uint8_t *w = t->w + v * LANES * bytes, *ahead = t->next;
		const float *x = t->act;
		for (int k = 0; k < t->blocks;) {
			vf y[2][PG_MAX_COLUMNS];
			UNROLL for (int c = 0; c < columns; c++)
				y[0][c] = y[1][c] = vset(0);
			int end = k + run < t->blocks ? k + run : t->blocks;
			for (; k < end; k++, w += PG_PANEL * bytes, x += columns) {
				for (int i = 0; v == 0 && i < t->lines; i++, ahead += 64)
					__builtin_prefetch(ahead, 0, 2);
				vf w0 = floats(type, w), w1 = floats(type, w + LANES * bytes);
				UNROLL for (int c = 0; c < columns; c++) {
					vf xc = vset(x[c]);
					y[0][c] = vfma(w0, xc, y[0][c]);
					y[1][c] = vfma(w1, xc, y[1][c]);
				}
			}
			UNROLL for (int c = 0; c < columns; c++) {
				UNROLL for (int i = 0; i < 2; i++) {
					float *acc = t->acc + c * PG_PANEL + (v + i) * LANES;
					vstore(acc, vadd(vload(acc), y[i][c]));
				}
			}
		}
	}
}

#define FLOAT_TILE(type, columns) \
	PG_KERNEL static void type##_##columns(const pg_tile *t) { float_block(type, columns, t); }
FLOAT_TILE(PG_F16, 1)
FLOAT_TILE(PG_BF16, 1)
FLOAT_TILE(PG_F32, 1)
FLOAT_TILE(PG_F32, 2)
FLOAT_TILE(PG_F32, 3)
FLOAT_TILE(PG_F32, 4)
FLOAT_TILE(PG_F32, 5)
FLOAT_TILE(PG_F32, 6)
#if WIDE
FLOAT_TILE(PG_F32, 7)
FLOAT_TILE(PG_F32, 8)
FLOAT_TILE(PG_F32, 9)
FLOAT_TILE(PG_F32, 10)
FLOAT_TILE(PG_F32, 11)
FLOAT_TILE(PG_F32, 12)
#endif

PG_KERNEL static void float_tile(const pg_tile *t) {
	static tile_function *const all[] = {
		NAMES(PG_F32),
#if WIDE
		PG_F32_7, PG_F32_8, PG_F32_9, PG_F32_10, PG_F32_11, PG_F32_12,
#endif
	};
	all[t->columns - 1](t);
}

PG_KERNEL static void float_stream(const pg_tile *t) {
	(t->f->type == PG_F16 ? PG_F16_1 : t->f->type == PG_BF16 ? PG_BF16_1 : PG_F32_1)(t);
}

// gelu is a/(1 + exp(-2u)), which is 0.5a(1 + tanh u), for
// u = sqrt(2/pi)(a + 0.044715a^3).
PG_DOT static inline vf gelu(vf a) {
	vf u2 = vmul(a, vfma(vmul(a, a), vset(-0.0713548162726f), vset(-1.59576912161f)));
	return vdiv(a, vadd(vset(1), vexp(vmin(vset(87), u2))));
}

PG_DOT static inline void finish_rows(const int epilogue, const pg_finish *f, int i, int n) {
	vf bias = f->bias ? vload_n(f->bias + i, n) : vset(0), bias1 = f->bias1 ? vload_n(f->bias1 + i, n) : vset(0);
	for (int c = 0; c < f->columns; c++) {
		vf y = vadd(vload(f->acc + c * PG_PANEL + i), bias);
		if (epilogue != PG_PLAIN)
			y = gelu(y);
		if (epilogue == PG_GEGLU)
			y = vmul(y, vadd(vload(f->acc1 + c * PG_PANEL + i), bias1));
		float *to = f->y + c * f->y_stride + i;
		if (n == LANES)
			vstore(to, y);
		else
			vstore_n(to, y, n);
	}
}

PG_KERNEL static void finish(const pg_finish *f) {
	for (int i = 0; i < f->rows; i += LANES) {
		int n = f->rows - i < LANES ? f->rows - i : LANES;
		switch (f->epilogue) {
		case PG_GELU:
			finish_rows(PG_GELU, f, i, n);
			break;
		case PG_GEGLU:
			finish_rows(PG_GEGLU, f, i, n);
			break;
		default:
			finish_rows(PG_PLAIN, f, i, n);
		}
	}
}
