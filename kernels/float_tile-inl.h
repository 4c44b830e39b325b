// Tiles of float weights.
#ifndef PG_FLOAT_TILE_INL_H
#define PG_FLOAT_TILE_INL_H

#include "unpack-inl.h"

// float_block computes a tile of float weights, unpacked to float32 or packed.
// Runs of 16 columns are summed by themselves, so that sums lose no more than
// ggml's, which adds many sums at once.
PG_DOT static inline void float_block(const int type, const int columns, const pg_tile *t) {
	const int bytes = type == PG_F32 ? 4 : 2, both = together(type), run = 16;
	clear(t, columns);
	ONCE for (int v = 0; v < VECTORS; v += 2) {
		const uint8_t *w = t->w, *ahead = t->next;
		const float *x = t->act;
		for (int k = 0; k < t->blocks;) {
			vf y[2][PG_MAX_COLUMNS];
			UNROLL for (int c = 0; c < columns; c++)
				y[0][c] = y[1][c] = vset(0);
			int end = k + run < t->blocks ? k + run : t->blocks;
			for (; k < end; w += both * PG_PANEL * bytes) {
				UNROLL for (int j = 0; j < both && k < end; j++, k++, x += columns) {
					for (int i = 0; v == 0 && i < t->lines; i++, ahead += 64)
						__builtin_prefetch(ahead, 0, 2);
					vf w0 = packed_floats(type, w, v, j), w1 = packed_floats(type, w, v + 1, j);
					UNROLL for (int c = 0; c < columns; c++) {
						vf xc = vset(x[c]);
						y[0][c] = vfma(w0, xc, y[0][c]);
						y[1][c] = vfma(w1, xc, y[1][c]);
					}
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
		WIDE_NAMES(PG_F32),
#endif
	};
	all[t->columns - 1](t);
}

PG_KERNEL static void float_stream(const pg_tile *t) {
	(t->f->type == PG_F16 ? PG_F16_1 : (t->f->type == PG_BF16 ? PG_BF16_1 : PG_F32_1))(t);
}

#endif
