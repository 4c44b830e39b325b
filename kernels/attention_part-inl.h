// Attention of a few queries to a part of the keys. The time goes into reading
// keys and values, so they are converted while they are read, and each is read
// once for all rows (pairs of a query and a head) that share it. Here channels,
// not rows, lie across the lanes of vectors.
#ifndef PG_ATTENTION_PART_INL_H
#define PG_ATTENTION_PART_INL_H

#include "attention_row-inl.h"
#include <math.h>

enum { AHEAD = 8 }; // rows are prefetched this many rows ahead

// pick loads n <= LANES numbers from element i of p on.
PG_INLINE vf pick(const void *p, int half, int64_t i, int64_t n) {
	if (half)
		return n == LANES ? vload_half((const uint16_t *)p + i) : vload_half_n((const uint16_t *)p + i, n);
	return n == LANES ? vload((const float *)p + i) : vload_n((const float *)p + i, n);
}

// dots_block computes y[r·y_step + j] = a_j · x_r for as rows of a and xs rows of
// x. Unless ahead is NULL it prefetches later rows of a, and rows from ahead on,
// which have the step of a.
PG_INLINE void dots_block(const int as, const int xs, int half, int64_t n, const void *a, int64_t a_step, const void *ahead,
	const float *x, int64_t x_step, float *y, int64_t y_step) {
	vf sum[DOTS][4];
	PG_UNROLL for (int j = 0; j < DOTS; j++) {
		PG_UNROLL for (int r = 0; r < 4; r++)
			sum[j][r] = vset(0);
	}
	for (int64_t c = 0; c < n; c += LANES) {
		int64_t take = n - c < LANES ? n - c : LANES;
		vf row[DOTS];
		PG_UNROLL for (int j = 0; j < as; j++) {
			row[j] = pick(a, half, j * a_step + c, take);
			if (ahead) {
				uintptr_t further = (uintptr_t)at(a, half, j * a_step + c) + (uintptr_t)(AHEAD * a_step * (half ? 2 : 4));
				__builtin_prefetch((const void *)further); // beyond the last row, too: a prefetch is no access
				__builtin_prefetch(at(ahead, half, j * a_step + c));
			}
		}
		PG_UNROLL for (int r = 0; r < xs; r++) {
			vf q = take == LANES ? vload(x + r * x_step + c) : vload_n(x + r * x_step + c, take);
			PG_UNROLL for (int j = 0; j < as; j++)
				sum[j][r] = vfma(row[j], q, sum[j][r]);
		}
	}
	PG_UNROLL for (int j = 0; j < as; j++) {
		float s[4];
		vsum4(sum[j][0], sum[j][1], sum[j][2], sum[j][3], s);
		for (int r = 0; r < xs; r++)
			y[r * y_step + j] = s[r];
	}
}

// dots_rows is dots_block for any number of rows of x.
PG_INLINE void dots_rows(const int as, int half, int64_t xs, int64_t n, const void *a, int64_t a_step, const void *ahead,
	const float *x, int64_t x_step, float *y, int64_t y_step) {
	for (; xs >= 4; xs -= 4, x += 4 * x_step, y += 4 * y_step, ahead = NULL)
		dots_block(as, 4, half, n, a, a_step, ahead, x, x_step, y, y_step);
	for (; xs >= 2; xs -= 2, x += 2 * x_step, y += 2 * y_step, ahead = NULL)
		dots_block(as, 2, half, n, a, a_step, ahead, x, x_step, y, y_step);
	if (xs)
		dots_block(as, 1, half, n, a, a_step, ahead, x, x_step, y, y_step);
}

// dots is dots_rows for any number of rows of a.
PG_INLINE void dots(int half, int64_t as, int64_t xs, int64_t n, const void *a, int64_t a_step, const void *ahead,
	const float *x, int64_t x_step, float *y, int64_t y_step) {
	int64_t j = 0;
	for (; j + DOTS <= as; j += DOTS)
		dots_rows(DOTS, half, xs, n, at(a, half, j * a_step), a_step, ahead ? at(ahead, half, j * a_step) : NULL, x, x_step, y + j, y_step);
	for (; j < as; j++)
		dots_rows(1, half, xs, n, at(a, half, j * a_step), a_step, NULL, x, x_step, y + j, y_step);
}

// A list is rows of values, step apart. Rows from turn on lie gap elements further.
typedef struct {
	const void *rows;
	int64_t m, step, turn, gap;
} list;

// mix_block computes y_r, the sum over the rows j of a, weighted by w[r·w_step + j],
// for vs vectors of channels from channel i on. The last vector has n lanes.
PG_INLINE void mix_block(const int xs, const int vs, int half, int64_t n, const list *a, int64_t i,
	const float *w, int64_t w_step, float *y, int64_t y_step) {
	vf sum[4][4];
	PG_UNROLL for (int r = 0; r < 4; r++) {
		PG_UNROLL for (int v = 0; v < vs; v++)
			sum[r][v] = vset(0);
	}
	for (int64_t j = 0, end = a->turn; j < a->m; end = a->m, i += a->gap) {
		for (; j < end; j++, i += a->step) {
			vf row[4];
			PG_UNROLL for (int v = 0; v < vs; v++)
				row[v] = pick(a->rows, half, i + v * LANES, v == vs - 1 ? n : LANES);
			PG_UNROLL for (int r = 0; r < xs; r++) {
				PG_UNROLL for (int v = 0; v < vs; v++)
					sum[r][v] = vfma(vset(w[r * w_step + j]), row[v], sum[r][v]);
			}
		}
	}
	PG_UNROLL for (int r = 0; r < xs; r++) {
		PG_UNROLL for (int v = 0; v < vs; v++) {
			if (v < vs - 1 || n == LANES)
				vstore(y + r * y_step + v * LANES, sum[r][v]);
			else
				vstore_n(y + r * y_step + v * LANES, sum[r][v], n);
		}
	}
}

// mix_rows is mix_block for any number n of channels.
PG_INLINE void mix_rows(const int xs, int half, int64_t n, const list *a, const float *w, int64_t w_step, float *y, int64_t y_step) {
	int64_t c = 0;
	for (; c + PANEL * LANES <= n; c += PANEL * LANES)
		mix_block(xs, PANEL, half, LANES, a, c, w, w_step, y + c, y_step);
	for (; c + LANES <= n; c += LANES)
		mix_block(xs, 1, half, LANES, a, c, w, w_step, y + c, y_step);
	if (c < n)
		mix_block(xs, 1, half, n - c, a, c, w, w_step, y + c, y_step);
}

// mix is mix_rows for any number of rows of weights.
PG_INLINE void mix(int half, int64_t xs, int64_t n, const list *a, const float *w, int64_t w_step, float *y, int64_t y_step) {
	for (; xs >= 4; xs -= 4, w += 4 * w_step, y += 4 * y_step)
		mix_rows(4, half, n, a, w, w_step, y, y_step);
	for (; xs >= 2; xs -= 2, w += 2 * w_step, y += 2 * y_step)
		mix_rows(2, half, n, a, w, w_step, y, y_step);
	if (xs)
		mix_rows(1, half, n, a, w, w_step, y, y_step);
}

// weigh_row turns the scores of m keys of a row into weights e^(score - top). It
// returns top and sets the sum of the weights.
PG_INLINE float weigh_row(float *score, int64_t m, float softcap, const float *mask, float *total) {
	vf most = vset(-INFINITY), sum = vset(0);
	float top = -INFINITY;
	int64_t whole = m / LANES * LANES, rest = m - whole;
	vf none = vset(-INFINITY);
	vf last = none; // the end of the row; missing lanes are -inf
	for (int64_t i = 0; i < m; i += LANES) {
		int64_t n = i < whole ? LANES : rest;
		vf s = n == LANES ? vload(score + i) : vload_n(score + i, n);
		if (softcap > 0)
			s = vmul(vset(softcap), vtanh(s));
		if (mask)
			s = vadd(s, n == LANES ? vload(mask + i) : vload_n(mask + i, n));
		if (n < LANES) {
			float end[LANES];
			vstore(end, none);
			vstore_n(end, s, n);
			last = vload(end);
			s = last;
		} else {
			vstore(score + i, s);
		}
		most = vmax(s, most);
	}
	top = vtop(most);
	vf base = vset(top == -INFINITY ? 0 : top);
	for (int64_t i = 0; i < m; i += LANES) {
		vf w = vexp(vsub(i < whole ? vload(score + i) : last, base));
		sum = vadd(sum, w);
		if (i < whole)
			vstore(score + i, w);
		else
			vstore_n(score + i, w, rest);
	}
	*total = vsum(sum);
	return top;
}

PG_INLINE void attend_part_of(int half, const pg_attention *op, int64_t key_head, int64_t number, float *part, float *scratch) {
	int64_t e = op->e, group = op->heads / op->key_heads, rows = op->queries * group;
	int64_t key = number * PG_PART_KEYS, m = op->keys - key < PG_PART_KEYS ? op->keys - key : PG_PART_KEYS;
	float *q = scratch, *score = q + rows * e, *top = part + rows * e, *total = top + rows;
	float scale = op->softcap > 0 ? op->scale / op->softcap : op->scale;
	for (int64_t i = 0; i < rows; i++) {
		const float *from = query(op, key_head, i);
		for (int64_t c = 0; c < e; c += 8)
			for (int64_t d = c; d < c + 8; d++)
				q[i * e + d] = from[d] * scale;
	}
	int64_t before = op->turn - key; // keys of the part before the turn
	before = before < 0 ? 0 : (before > m ? m : before);
	int64_t start = before > 0 ? key : key + op->gap;
	const void *k = at(op->k, half, key_head * op->k_head + start * op->k_token);
	const void *v = at(op->v, half, key_head * op->v_head + start * op->v_token);
	list values = {v, m, op->v_token, m, 0};
	int64_t first = before > 0 ? before : m; // keys that lie together
	dots(half, first, rows, e, k, op->k_token, op->v_token == op->k_token ? v : NULL, q, e, score, PG_PART_KEYS);
	if (first < m) {
		dots(half, m - first, rows, e, at(k, half, (first + op->gap) * op->k_token), op->k_token, NULL, q, e, score + first, PG_PART_KEYS);
		values.turn = first;
		values.gap = op->gap * op->v_token;
	}
	for (int64_t i = 0; i < rows; i++) {
		const float *mask = op->mask ? op->mask + i / group * op->mask_query + key : NULL;
		top[i] = weigh_row(score + i * PG_PART_KEYS, m, op->softcap, mask, total + i);
	}
	if (op->v_channel == 1)
		mix(half, rows, e, &values, score, PG_PART_KEYS, part, e);
	else
		dots(half, e, rows, m, v, op->v_channel, NULL, score, PG_PART_KEYS, part, e);
}

PG_TARGET static void attend_part(const pg_attention *op, int64_t key_head, int64_t number, float *part, float *scratch) {
	if (op->half)
		attend_part_of(1, op, key_head, number, part, scratch);
	else
		attend_part_of(0, op, key_head, number, part, scratch);
}

// join combines the parts of a row, step apart, in the order of the keys.
PG_TARGET static void join(const pg_attention *op, int64_t key_head, int64_t row, const float *parts, int64_t step) {
	int64_t e = op->e, rows = op->queries * (op->heads / op->key_heads);
	int64_t count = (op->keys + PG_PART_KEYS - 1) / PG_PART_KEYS;
	float most = -INFINITY, total = 0, *out = output(op, key_head, row);
	for (int64_t i = 0; i < count; i++) {
		float top = parts[i * step + rows * e + row];
		most = top > most ? top : most;
	}
	for (int64_t c = 0; c < e; c++)
		out[c] = 0;
	for (int64_t i = 0; i < count; i++) {
		const float *part = parts + i * step + row * e, *stats = parts + i * step + rows * e;
		vf w = vexp(vsub(vset(stats[row]), vfinite_or_0(vset(most))));
		total += vtop(w) * stats[rows + row];
		for (int64_t c = 0; c < e; c += LANES) {
			int64_t n = e - c < LANES ? e - c : LANES;
			if (n == LANES)
				vstore(out + c, vfma(w, vload(part + c), vload(out + c)));
			else
				vstore_n(out + c, vfma(w, vload_n(part + c, n), vload_n(out + c, n)), n);
		}
	}
	float share = total == 0 ? 0 : 1 / total;
	for (int64_t c = 0; c < e; c++)
		out[c] *= share;
}

#endif
