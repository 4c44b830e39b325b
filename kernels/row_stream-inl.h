// Quantized rows in ggml's own layout times one column. Its results are those of a
// tile that unpack_rows has prepared, as all sums of integers are exact.
#ifndef PG_ROW_STREAM_INL_H
#define PG_ROW_STREAM_INL_H

#include "product_tile-inl.h"
#include "rows-inl.h"

#ifdef ROW_SUMS
#include "row_sums_avx2.h"
#endif

// row_stream adds the products of rows and one column to the sums of a tile. It
// multiplies a block as soon as that is unpacked, 2 vectors of rows at a time.
PG_DOT static inline void row_stream(const int type, const int form, const int plane, const int halves, const int size,
	const int bytes, const pg_tile *t, const uint8_t *rows, size_t step) {
	const int each = size / 32;
	const size_t record = (size_t)pg_unit(form, t->halves), to_step = (form == PG_INT16 ? 16 : 8) * LINES;
	// A block as in a chunk: in registers, as far as they suffice.
	_Alignas(64) uint8_t w[8 * 16 * LINES];
	float d[8][2][PG_PANEL];
	clear(t, 1);
	ONCE for (int v = 0; v < VECTORS; v += 2) {
		const uint8_t *p = rows + (size_t)(v * LANES) * step, *act = t->act;
		vf y[2][PG_MAX_COLUMNS];
		sums(1, 1, v, t->acc, y);
		for (int b = 0; b < t->blocks; b += each, p += bytes) {
			const int line = row_line(b / each * bytes, bytes); // of the rows that follow
			row_place r[2];
			UNROLL for (int i = 0; i < 2; i++)
				r[i] = (row_place){.p = p + (size_t)(i * LANES) * step, .step = step, .to = w, .to_step = to_step, .d = d, .m = t->chunk->m, .v = v + i, .ahead = line ? p + (size_t)((2 + i) * LANES) * step : NULL};
#ifdef ROW_SUMS
			if (row_sums_apply(type, form)) {
				UNROLL for (int i = 0; i < 2; i++)
					y[i][0] = row_sums(type, bytes, &r[i], act, y[i][0]);
				act += (size_t)each * record;
				continue;
			}
#endif
			UNROLL for (int i = 0; i < 2; i++)
				row_block(type, form, plane == UNPACKED6, bytes, &r[i]);
			UNROLL for (int i = 0; i < each; i++, act += record)
				block(form, plane, halves, 1, t, w + (size_t)i * to_step, act, d[i][0], t->chunk->m[i][0], v, y);
		}
		sums(0, 1, v, t->acc, y);
	}
}

// A function for each type and form of one column.
enum {
	Q8_0_PLANE = UNPACKED,
	Q4_0_PLANE = NARROW ? UNPACKED4 : UNPACKED,
	Q4_K_PLANE = Q4_0_PLANE,
	Q6_K_PLANE = CENTER == 128 && !NARROW ? UNPACKED6 : UNPACKED,
};
#define STREAMS(name) \
	PG_KERNEL static void stream_rows_##name(const pg_tile *t, const uint8_t *rows, size_t step) { \
		row_stream(PG_##name, PG_INT8, name##_PLANE, PG_##name == PG_Q6_K, name##_BLOCK, name##_BYTES, t, rows, step); \
	} \
	PG_KERNEL static void stream_words_##name(const pg_tile *t, const uint8_t *rows, size_t step) { \
		row_stream(PG_##name, PG_INT16, UNPACKED, PG_##name == PG_Q6_K, name##_BLOCK, name##_BYTES, t, rows, step); \
	}
PG_ROW_LIST(STREAMS)
#undef STREAMS

// stream_rows_columns returns the most columns that stream_rows multiplies.
PG_KERNEL static int stream_rows_columns(const pg_format *f, int form) {
#if ROW_COLUMNS > 1
	if (f->type == PG_Q8_0 && form == PG_INT16)
		return ROW_COLUMNS;
#endif
	(void)f, (void)form;
	return 1;
}

// stream_rows adds a panel of rows, step bytes apart, times one column, or a few, to a
// tile's sums.
PG_KERNEL static void stream_rows(const pg_tile *t, const uint8_t *rows, size_t step) {
#if ROW_COLUMNS > 1
	if (t->columns > 1) {
		static void (*const all[])(const pg_tile *, const uint8_t *, size_t) = {words_columns_2, words_columns_3, words_columns_4};
		all[t->columns - 2](t, rows, step);
		return;
	}
#endif
	switch (t->f->type) {
#define STREAMS(name) \
	case PG_##name: \
		(t->form == PG_INT16 ? stream_words_##name : stream_rows_##name)(t, rows, step); \
		break;
		PG_ROW_LIST(STREAMS)
#undef STREAMS
	}
}

#endif
