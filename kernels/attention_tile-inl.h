// Attention for one tile of queries.
//
// The rows of a tile are pairs of a query and a head that share a key head, so
// that each key and value is loaded once for all of them. They lie across the
// lanes of vectors: queries, scores and sums are kept transposed, in panels of
// WIDTH rows. Maxima and sums over keys then stay within a lane, and both products
// multiply a panel by single numbers of keys or values, in whatever order those
// lie in memory.
//
// Letters: e channels, m keys of a tile, i a row.
#ifndef PG_ATTENTION_TILE_INL_H
#define PG_ATTENTION_TILE_INL_H

#include "attention_row-inl.h"
#include <math.h>
#include <string.h>

enum {
	WIDTH = PANEL * LANES,
	KEYS = PG_TILE_KEYS,
	CHANNELS = 48, // the most channels that a score sums at a time
};

// A tile is the memory of one call, cut from scratch.
typedef struct {
	float *q, *sum;      // panels of [e, WIDTH]: queries times scale, sums of values
	float *score, *mask; // [KEYS, WIDTH]
	float *k, *v;        // [KEYS, e]; v is [e, KEYS] if values are in rows per channel

	// Of a row: the greatest score, the sum of weights.
	float top[PG_MOST_ROWS], total[PG_MOST_ROWS];
} tile;

// load copies rows of n numbers to float32 rows, step apart.
PG_INLINE void load(float *to, int64_t to_step, const void *from, int half, int64_t step, int64_t rows, int64_t n) {
	for (int64_t r = 0; r < rows; r++, to += to_step) {
		int64_t i = 0;
		if (half) {
			const uint16_t *x = (const uint16_t *)from + r * step;
			for (; i + LANES <= n; i += LANES)
				vstore(to + i, vload_half(x + i));
			if (i < n)
				vstore_n(to + i, vload_half_n(x + i, n - i), n - i);
		} else {
			const float *x = (const float *)from + r * step;
			for (; i + LANES <= n; i += LANES)
				vstore(to + i, vload(x + i));
			if (i < n)
				vstore_n(to + i, vload_n(x + i, n - i), n - i);
		}
	}
}

// block computes rows rows of c = c·shrink + a·b. c and b are panels, a is single
// numbers; without shrink c counts as 0. The products are summed by themselves
// before they are added to c, because long sums lose digits.
PG_INLINE void block(const int rows, int64_t n, const float *a, int64_t a_row, int64_t a_step, const float *b,
	float *c, const float *shrink) {
	vf sum[ROWS][PANEL];
	PG_UNROLL for (int r = 0; r < rows; r++) {
		PG_UNROLL for (int v = 0; v < PANEL; v++)
			sum[r][v] = vset(0);
	}
	for (int64_t i = 0; i < n; i++, a += a_step, b += WIDTH) {
		vf x[PANEL];
		PG_UNROLL for (int v = 0; v < PANEL; v++)
			x[v] = vload(b + v * LANES);
		PG_UNROLL for (int r = 0; r < rows; r++) {
			vf y = vset(a[r * a_row]);
			PG_UNROLL for (int v = 0; v < PANEL; v++)
				sum[r][v] = vfma(y, x[v], sum[r][v]);
		}
	}
	PG_UNROLL for (int r = 0; r < rows; r++) {
		PG_UNROLL for (int v = 0; v < PANEL; v++) {
			float *to = c + r * WIDTH + v * LANES;
			vstore(to, shrink ? vfma(vload(to), vload(shrink + v * LANES), sum[r][v]) : sum[r][v]);
		}
	}
}

// multiply is block for any number of rows.
PG_TARGET static void multiply(int64_t rows, int64_t n, const float *a, int64_t a_row, int64_t a_step, const float *b,
	float *c, const float *shrink) {
	for (; rows >= ROWS; rows -= ROWS, a += ROWS * a_row, c += ROWS * WIDTH)
		block(ROWS, n, a, a_row, a_step, b, c, shrink);
	switch (rows) {
	case 5: block(5, n, a, a_row, a_step, b, c, shrink); break;
	case 4: block(4, n, a, a_row, a_step, b, c, shrink); break;
	case 3: block(3, n, a, a_row, a_step, b, c, shrink); break;
	case 2: block(2, n, a, a_row, a_step, b, c, shrink); break;
	case 1: block(1, n, a, a_row, a_step, b, c, shrink); break;
	}
}

// scores multiplies m keys by a panel of queries, up to CHANNELS channels at a
// time so that no sum is long and the queries stay in the first cache.
PG_TARGET static void scores(const tile *t, const float *q, int64_t m, int64_t e) {
	float one[WIDTH];
	for (int i = 0; i < WIDTH; i++)
		one[i] = 1;
	int64_t pieces = (e + CHANNELS - 1) / CHANNELS;
	for (int64_t i = 0; i < pieces; i++) {
		int64_t c = i * e / pieces, n = (i + 1) * e / pieces - c;
		multiply(m, n, t->k + c, e, 1, q + c * WIDTH, t->score, i ? one : NULL);
	}
}

// weigh turns the scores of m keys into weights e^(score - top), and updates top,
// total and the factors that shrink earlier sums.
PG_TARGET static void weigh(float *score, int64_t m, float softcap, const float *mask, float *top, float *total, float *shrink) {
	if (softcap > 0 || mask) {
		for (int64_t i = 0; i < m * WIDTH; i += LANES) {
			vf s = vload(score + i);
			if (softcap > 0)
				s = vmul(vset(softcap), vtanh(s));
			vstore(score + i, mask ? vadd(s, vload(mask + i)) : s);
		}
	}
	vf most[PANEL], sum[PANEL], before[PANEL];
	PG_UNROLL for (int v = 0; v < PANEL; v++)
		most[v] = vload(top + v * LANES);
	for (int64_t j = 0; j < m; j++) {
		PG_UNROLL for (int v = 0; v < PANEL; v++)
			most[v] = vmax(vload(score + j * WIDTH + v * LANES), most[v]);
	}
	PG_UNROLL for (int v = 0; v < PANEL; v++) {
		vf old = vload(top + v * LANES);
		vstore(top + v * LANES, most[v]);
		most[v] = vfinite_or_0(most[v]); // e^(-inf - 0) is 0, e^(-inf - -inf) is NaN
		vf s = vexp(vsub(old, most[v]));
		vstore(shrink + v * LANES, s);
		before[v] = vmul(s, vload(total + v * LANES));
		sum[v] = vset(0);
	}
	for (int64_t j = 0; j < m; j++) {
		PG_UNROLL for (int v = 0; v < PANEL; v++) {
			vf w = vexp(vsub(vload(score + j * WIDTH + v * LANES), most[v]));
			vstore(score + j * WIDTH + v * LANES, w);
			sum[v] = vadd(sum[v], w);
		}
	}
	PG_UNROLL for (int v = 0; v < PANEL; v++)
		vstore(total + v * LANES, vadd(before[v], sum[v]));
}

// turn transposes 8 rows of e channels into columns of a panel, or back. Row i is
// at rows[i], channel c of all rows at panel + c·WIDTH.
PG_INLINE void turn(float *const rows[8], float *panel, int64_t e, int back) {
	for (int64_t c = 0; c < e; c += 8) {
		float *a[8], *b[8];
		for (int i = 0; i < 8; i++) {
			a[i] = rows[i] + c;
			b[i] = panel + (c + i) * WIDTH;
		}
		if (back)
			transpose8((const float *const *)b, a);
		else
			transpose8((const float *const *)a, b);
	}
}

// load_queries fills the tile's panels with rows from first on, scaled. Missing
// rows are 0.
PG_TARGET static void load_queries(const pg_attention *op, int64_t key_head, int64_t first, int64_t rows, int64_t panels, tile *t) {
	int64_t e = op->e;
	vf scale = vset(op->softcap > 0 ? op->scale / op->softcap : op->scale);
	float *none = t->k; // unused until the first keys
	memset(none, 0, (size_t)e * sizeof *none);
	for (int64_t i = 0; i < panels * WIDTH; i += 8) {
		float *from[8];
		for (int r = 0; r < 8; r++)
			from[r] = i + r < rows ? (float *)query(op, key_head, first + i + r) : none;
		turn(from, t->q + i / WIDTH * WIDTH * e + i % WIDTH, e, 0);
	}
	for (int64_t i = 0; i < panels * WIDTH * e; i += LANES)
		vstore(t->q + i, vmul(scale, vload(t->q + i)));
}

// load_mask fills the tile's mask for m keys from key on, for a panel whose
// first row is i.
PG_TARGET static void load_mask(const pg_attention *op, int64_t i, int64_t rows, int64_t key, int64_t m, tile *t) {
	int64_t group = op->heads / op->key_heads;
	for (int64_t r = 0; r < WIDTH; r++) {
		const float *from = op->mask + (i + r) / group * op->mask_query + key;
		for (int64_t j = 0; j < m; j++)
			t->mask[j * WIDTH + r] = r < rows ? from[j] : 0;
	}
}

// finish divides the sums by the total weights and writes rows from first on.
PG_TARGET static void finish(const pg_attention *op, int64_t key_head, int64_t first, int64_t rows, int64_t panels, tile *t) {
	int64_t e = op->e;
	for (int64_t p = 0; p < panels; p++) {
		float *sum = t->sum + p * WIDTH * e, *total = t->total + p * WIDTH;
		for (int r = 0; r < WIDTH; r++)
			total[r] = total[r] == 0 ? 0 : 1 / total[r];
		for (int64_t i = 0; i < WIDTH * e; i += LANES)
			vstore(sum + i, vmul(vload(sum + i), vload(total + i % WIDTH)));
	}
	for (int64_t i = 0; i < rows; i += 8) {
		float *to[8];
		for (int r = 0; r < 8; r++)
			to[r] = i + r < rows ? output(op, key_head, first + i + r) : t->k;
		turn(to, t->sum + i / WIDTH * WIDTH * e + i % WIDTH, e, 1);
	}
}

// attend computes rows from first on. The softcap is applied to scores that are
// scaled by 1/softcap.
PG_TARGET static void attend(const pg_attention *op, int64_t key_head, int64_t first, int64_t rows, float *scratch) {
	int64_t e = op->e, panels = (rows + WIDTH - 1) / WIDTH;
	tile t = {.q = scratch};
	t.sum = t.q + PG_MOST_ROWS * e;
	t.k = t.sum + PG_MOST_ROWS * e;
	t.v = t.k + KEYS * e;
	t.score = t.v + KEYS * e;
	t.mask = t.score + KEYS * WIDTH;
	load_queries(op, key_head, first, rows, panels, &t);
	if (op->keys == 0)
		memset(t.sum, 0, (size_t)(panels * WIDTH * e) * sizeof *t.sum);
	for (int i = 0; i < panels * WIDTH; i++) {
		t.top[i] = -INFINITY;
		t.total[i] = 0;
	}
	int per_token = op->v_channel == 1;
	for (int64_t key = 0; key < op->keys; key += KEYS) {
		int64_t m = op->keys - key < KEYS ? op->keys - key : KEYS;
		load(t.k, e, at(op->k, op->half, key_head * op->k_head + key * op->k_token), op->half, op->k_token, m, e);
		const void *v = at(op->v, op->half, key_head * op->v_head + key * op->v_token);
		if (per_token)
			load(t.v, e, v, op->half, op->v_token, m, e);
		else
			load(t.v, KEYS, v, op->half, op->v_channel, e, m);
		for (int64_t i = 0; i < rows; i += WIDTH) {
			float shrink[WIDTH];
			scores(&t, t.q + i * e, m, e);
			if (op->mask)
				load_mask(op, first + i, rows - i, key, m, &t);
			weigh(t.score, m, op->softcap, op->mask ? t.mask : NULL, t.top + i, t.total + i, shrink);
			multiply(e, m, t.v, per_token ? 1 : KEYS, per_token ? e : 1, t.score, t.sum + i * e, key ? shrink : NULL);
		}
	}
	finish(op, key_head, first, rows, panels, &t);
}

#endif
