// The functions of streams, and of tiles, some of which are streams.
#ifndef PG_STREAM_TILE_INL_H
#define PG_STREAM_TILE_INL_H

#include "product_tile-inl.h"

// Streams have up to STREAM_WIDTH columns; functions of more are empty.
#define STREAM_TILE(name, columns) \
	PG_KERNEL static void stream_##name##_##columns(const pg_tile *t) { \
		if (columns <= STREAM_WIDTH(PG_##name)) \
			blocks(STREAM_FORM(PG_##name), PG_##name, name##_STREAM_HALVES, columns, t); \
	}
#if STREAM_COLUMNS > 1
#define STREAM_TILES(name) \
	STREAM_TILE(name, 1) \
	STREAM_TILE(name, 2) \
	STREAM_TILE(name, 3) \
	STREAM_TILE(name, 4) \
	STREAM_TILE(name, 5) \
	STREAM_TILE(name, 6)
#define STREAM_NAMES NAMES
#else
#define STREAM_TILES(name) STREAM_TILE(name, 1)
#define STREAM_NAMES(name) name##_1
#endif
#define STREAM(name, bits, less, halves, plain) \
	enum { name##_STREAM_HALVES = halves }; \
	STREAM_TILES(name)
PG_PLANE_LIST(STREAM)
#undef STREAM

// tile computes a tile of weights that unpack has prepared.
PG_KERNEL static void tile(const pg_tile *t) {
	static tile_function *const all[2][2][6] = {
		{{NAMES(int8)}, {NAMES(int8_halves)}},
		{{NAMES(int16)}, {NAMES(int16_halves)}},
	};
#if NARROW
	if (in_place(t)) {
		static tile_function *const streams[] = {STREAM_NAMES(stream_P8)};
		streams[t->columns - 1](t);
		return;
	}
	static tile_function *const four[] = {NAMES(int4)};
	if (t->form == PG_INT8 && (t->f->planes == PG_P4 || t->f->planes == PG_P4U)) {
		four[t->columns - 1](t);
		return;
	}
#endif
	all[t->form == PG_INT16][t->f->halves][t->columns - 1](t);
}

PG_KERNEL static int stream_columns(const pg_format *f, int form) {
	return f->planes >= 0 && form == STREAM_FORM(f->planes) ? STREAM_WIDTH(f->planes) : 1;
}

// stream computes a tile of few columns and any number of blocks, and reads packed
// weights in place.
PG_KERNEL static void stream(const pg_tile *t) {
#define STREAM(name, ...) [PG_##name] = {STREAM_NAMES(stream_##name)},
	static tile_function *const all[PG_PLANES][STREAM_COLUMNS] = {PG_PLANE_LIST(STREAM)};
#undef STREAM
	if (t->form != STREAM_FORM(t->f->planes)) { // precise
		pg_tile part = *t;
		int each = t->f->block / 32;
		for (int b = 0; b < t->blocks; b += part.blocks, part.first = 0) {
			part.blocks = t->blocks - b < PG_CHUNK_BLOCKS ? t->blocks - b : PG_CHUNK_BLOCKS;
			part.act = (const uint8_t *)t->act + b * pg_unit(t->form, t->halves);
			unpack(&part, t->w + (size_t)(b / each) * pg_record_bytes(t->f));
			tile(&part);
		}
		return;
	}
	all[t->f->planes][t->columns - 1](t);
}

#endif
