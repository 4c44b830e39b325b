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
//	FIXED         what fixed_tile.h says; 0 for no such tiles
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
#ifndef FIXED
#define FIXED 0
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

#include "quants_tile.h"

#include "unpack_tile.h"

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

// plain reports whether packed weights of a plane have a scale per row and 32
// columns and nothing else: then streams use it in place.
PG_DOT static inline int plain(const int plane) { return plane == PG_P8 || plane == PG_P4 || plane == PG_P5; }

// scale returns the scales from row i on.
PG_DOT static inline vf scale(const int plane, const void *d, int i) {
	return plain(plane) ? vload_half((const uint16_t *)d + i) : vload((const float *)d + i);
}

// block adds the products of 32 columns of 2 vectors of rows, from vector v, to
// y.
PG_DOT static inline void block(const int form, const int plane, const int halves, const int columns,
                                const pg_tile *t, const uint8_t *w, const uint8_t *act, const void *d, const float *m,
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
				vf wd = scale(plane, d, h * PG_PANEL + (v + i) * LANES);
				UNROLL for (int c = 0; c < columns; c++) {
					vf sum = form == PG_INT8 ? vsub(ifloat(s[i][c]), bias) : iconvert(s[i][c]);
					part[i][c] = h == 0 ? vmul(sum, wd) : vfma(sum, wd, part[i][c]);
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
			y[i][c] = vfma(sum, scale(plane, d, (v + i) * LANES), y[i][c]);
		}
	}
	if (!plain(plane) && t->f->mins) {
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
		int at = plane < 0 ? b : each - left; // of the scales
		if (plane >= 0 && !plain(plane) && at == 0)
			heads(t->f, w - head, 0, each, t->chunk);
		if (plane >= 0) {
			const uint8_t *from = at == 0 ? w - head : w;
			for (; from < w + step; from += 64)
				__builtin_prefetch(from + PG_AHEAD);
		}
		for (int i = 0; plane < 0 && i < t->lines; i++, ahead += 64)
			__builtin_prefetch(ahead, 0, 2); // is used only after the other tiles
		ONCE for (int v = 0; v < VECTORS; v += 2) {
			if (!SUMS)
				sums(1, columns, v, t->acc, y);
			block(form, plane, halves, columns, t, w, act, plain(plane) ? (const void *)(w - head) : t->chunk->d[at][0], t->chunk->m[at][0], v, y);
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

// A stream is a tile of one column that reads packed weights in place, however
// many blocks there are.
PG_KERNEL static void stream(const pg_tile *t) {
	static tile_function *const all[PG_PLANES] = {
		[PG_P8] = stream_PG_P8_1, [PG_P4] = stream_PG_P4_1, [PG_P4U] = stream_PG_P4U_1,
		[PG_P4C] = stream_PG_P4C_1, [PG_P5] = stream_PG_P5_1, [PG_P5U] = stream_PG_P5U_1,
		[PG_P6] = stream_PG_P6_1, [PG_P3] = stream_PG_P3_1, [PG_P2U] = stream_PG_P2U_1,
	};
	if (t->form != STREAM_FORM(t->f->planes)) { // the form for accuracy
		pg_tile part = *t;
		int each = t->f->block / 32;
		for (int b = 0; b < t->blocks; b += part.blocks, part.first = 0) {
			part.blocks = t->blocks - b < PG_CHUNK_BLOCKS ? t->blocks - b : PG_CHUNK_BLOCKS;
			part.act = (const uint8_t *)t->act + b * pg_unit(t->form, t->wide);
			unpack(&part, t->w + (size_t)(b / each) * pg_record_bytes(t->f));
			tile(&part);
		}
		return;
	}
	all[t->f->planes](t);
}

#include "float_tile.h"

#include "fixed_tile.h"

#include "finish_tile.h"
