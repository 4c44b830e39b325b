#include "pack.h"

#include <string.h>

const int8_t pg_codebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// The attributes of planes and heads by their names.
#define PLANE(name, bits, less, halves, plain) name##_BITS = bits, name##_HALVES = halves,
#define HEAD(name, floats, scales) name##_FLOATS = floats, name##_SCALES = scales,
enum { PG_PLANE_LIST(PLANE) PG_HEAD_LIST(HEAD) };

#define QUANT(name, number, columns, size, plane, scales) \
	{ \
		.type = PG_##name, \
		.block = columns, \
		.bytes = size, \
		.planes = PG_##plane, \
		.head = PG_##scales, \
		.halves = plane##_HALVES, \
		.mins = scales##_FLOATS == 2, \
		.head_bytes = PG_PANEL * (2 * scales##_FLOATS + (columns / 32 << plane##_HALVES) * scales##_SCALES), \
		.plane_bytes = PG_PANEL * 32 * plane##_BITS / 8, \
	},
#define FLOAT(name, number, size) \
	{.type = PG_##name, .block = 1, .bytes = size, .planes = PG_NO_PLANES, .head = PG_NO_HEAD},
static const pg_format formats[] = {PG_QUANT_LIST(QUANT) PG_FLOAT_LIST(FLOAT)};

const pg_format *pg_format_of(int type) {
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (formats[i].type == type)
			return &formats[i];
	return NULL;
}

int64_t pg_panels(int64_t m) { return (m + PG_PANEL - 1) / PG_PANEL; }

int pg_packable(int type, int64_t k, int64_t m) {
	const pg_format *f = pg_format_of(type);
	return f && k > 0 && m > 0 && k % f->block == 0 && m <= INT32_MAX && k <= INT32_MAX;
}

size_t pg_packed_bytes(int type, int64_t k, int64_t m) {
	return (size_t)pg_panels(m) * pg_panel_bytes(pg_format_of(type), k);
}

// ALL is a word of four equal bytes, which masks four bytes at a time.
#define ALL(byte) (0x01010101u * (byte))

static uint32_t word(const uint8_t *p, int i) {
	uint32_t w;
	memcpy(&w, p + 4 * i, sizeof w);
	return w;
}

// A source is ggml's block of one row, with the names of ggml's fields.
typedef struct {
	const uint8_t *qs, *qh, *scales;
	const uint8_t *d, *m; // float16
} source;

static source source_of(int type, const uint8_t *p) {
	switch (type) {
	case PG_Q4_0:
	case PG_Q8_0:
	case PG_IQ4_NL: return (source){.d = p, .qs = p + 2};
	case PG_Q4_1: return (source){.d = p, .m = p + 2, .qs = p + 4};
	case PG_Q5_0: return (source){.d = p, .qh = p + 2, .qs = p + 6};
	case PG_Q5_1: return (source){.d = p, .m = p + 2, .qh = p + 4, .qs = p + 8};
	case PG_Q2_K: return (source){.scales = p, .qs = p + 16, .d = p + 80, .m = p + 82};
	case PG_Q3_K: return (source){.qh = p, .qs = p + 32, .scales = p + 96, .d = p + 108};
	case PG_Q4_K: return (source){.d = p, .m = p + 2, .scales = p + 4, .qs = p + 16};
	case PG_Q5_K: return (source){.d = p, .m = p + 2, .scales = p + 4, .qh = p + 16, .qs = p + 48};
	case PG_Q6_K: return (source){.qs = p, .qh = p + 128, .scales = p + 192, .d = p + 208};
	}
	return (source){.d = p, .scales = p + 2, .qs = p + 8}; // IQ4_XS
}

// quants reads quants 32b to 32b+31 of a block, as unsigned bytes.
static void quants(int type, const source *s, int b, uint32_t q[8]) {
	for (int g = 0; g < 8; g++) {
		uint32_t high;
		switch (type) {
		case PG_Q8_0:
			q[g] = word(s->qs, g) ^ ALL(0x80);
			break;
		case PG_Q4_0:
		case PG_Q4_1:
		case PG_IQ4_NL:
		case PG_IQ4_XS:
			q[g] = word(s->qs + 16 * b, g % 4) >> g / 4 * 4 & ALL(15);
			break;
		case PG_Q5_0:
		case PG_Q5_1:
			high = word(s->qh, 0) >> 4 * g & 15; // a bit for each of four columns
			q[g] = (word(s->qs, g % 4) >> g / 4 * 4 & ALL(15)) | (high * 0x204081 & ALL(1)) << 4;
			break;
		case PG_Q4_K:
			q[g] = word(s->qs + b / 2 * 32, g) >> b % 2 * 4 & ALL(15);
			break;
		case PG_Q5_K:
			q[g] = (word(s->qs + b / 2 * 32, g) >> b % 2 * 4 & ALL(15)) | (word(s->qh, g) >> b & ALL(1)) << 4;
			break;
		case PG_Q6_K:
			q[g] = (word(s->qs + b / 4 * 64 + b % 2 * 32, g) >> b % 4 / 2 * 4 & ALL(15)) |
				(word(s->qh + b / 4 * 32, g) >> b % 4 * 2 & ALL(3)) << 4;
			break;
		case PG_Q3_K:
			q[g] = (word(s->qs + b / 4 * 32, g) >> b % 4 * 2 & ALL(3)) | (word(s->qh, g) >> b & ALL(1)) << 2;
			break;
		case PG_Q2_K:
			q[g] = word(s->qs + b / 4 * 32, g) >> b % 4 * 2 & ALL(3);
			break;
		}
	}
}

// write puts 32 quants of row r into planes.
static void write(int planes, const uint32_t q[8], uint8_t *to, int r) {
	uint32_t *p = (uint32_t *)to + r;
	uint32_t high = 0;
	switch (planes) {
	case PG_P8:
		for (int g = 0; g < 8; g++)
			p[g * PG_PANEL] = q[g];
		return;
	case PG_P2U:
	case PG_P3:
		for (int i = 0; i < 2; i++, p += PG_PANEL)
			*p = (q[4 * i] & ALL(3)) | (q[4 * i + 1] & ALL(3)) << 2 | (q[4 * i + 2] & ALL(3)) << 4 | (q[4 * i + 3] & ALL(3)) << 6;
		break;
	default:
		for (int g = 0; g < 4; g++, p += PG_PANEL)
			*p = (q[g] & ALL(15)) | (q[g + 4] & ALL(15)) << 4;
	}
	switch (planes) {
	case PG_P5:
	case PG_P5U:
	case PG_P3:
		for (int g = 0; g < 8; g++)
			high |= (q[g] >> (planes == PG_P3 ? 2 : 4) & ALL(1)) << g;
		*p = high;
		break;
	case PG_P6:
		for (int i = 0; i < 2; i++, p += PG_PANEL)
			*p = (q[4 * i] >> 4 & ALL(3)) | (q[4 * i + 1] >> 4 & ALL(3)) << 2 | (q[4 * i + 2] >> 4 & ALL(3)) << 4 | (q[4 * i + 3] >> 4 & ALL(3)) << 6;
		break;
	}
}

// heads writes the scales of row r.
static void heads(const pg_format *f, const source *s, uint8_t *to, int r) {
	memcpy(to + 2 * r, s->d, 2);
	uint8_t *p = to + 2 * PG_PANEL;
	if (s->m) {
		memcpy(p + 2 * r, s->m, 2);
		p += 2 * PG_PANEL;
	}
	p += r;
	for (int i = 0; f->block == 256 && i < 16; i++) {
		const uint8_t *a = s->scales;
		int b = i / 2; // block of 32 columns
		switch (f->type) {
		case PG_Q6_K:
			p[i * PG_PANEL] = a[i];
			break;
		case PG_Q3_K:
			p[i * PG_PANEL] = (uint8_t)((a[i % 8] >> i / 8 * 4 & 15) + (a[8 + i % 4] >> i / 4 * 2 & 3) * 16 - 32);
			break;
		case PG_Q2_K:
			p[i * PG_PANEL] = a[i];
			break;
		case PG_IQ4_XS: // two bytes of high bits, then four of low
			if (i % 2 == 0)
				p[b * PG_PANEL] = (uint8_t)((a[2 + b / 2] >> b % 2 * 4 & 15) + ((a[0] | a[1] << 8) >> 2 * b & 3) * 16 - 32);
			break;
		default: // Q4_K, Q5_K: 8 scales and 8 minimums of 6 bits
			if (b < 4)
				p[i * PG_PANEL] = a[b + i % 2 * 4] & 63;
			else
				p[i * PG_PANEL] = (uint8_t)((a[b + 4] >> i % 2 * 4 & 15) | a[b - 4 + i % 2 * 4] >> 6 << 4);
		}
	}
}

// pack_quants packs the rows of a panel of one type.
static inline __attribute__((always_inline)) void pack_quants(const pg_format *f, const int type, const int planes,
	int64_t k, int rows, const uint8_t *from, uint8_t *to) {
	size_t row_bytes = (size_t)(k / f->block) * f->bytes;
	for (int64_t i = 0; i < k / f->block; i++, from += f->bytes, to += pg_record_bytes(f)) {
		for (int r = 0; r < rows; r++) {
			source s = source_of(type, from + (size_t)r * row_bytes);
			heads(f, &s, to, r);
			for (int b = 0; b < f->block / 32; b++) {
				uint32_t q[8];
				quants(type, &s, b, q);
				write(planes, q, to + f->head_bytes + b * f->plane_bytes, r);
			}
		}
	}
}

#define PACK(name, number, block, bytes, plane, head) \
	case PG_##name: \
		pack_quants(f, PG_##name, PG_##plane, k, rows, from, to); \
		break;

void pg_pack(int type, int64_t k, int64_t m, const void *all, void *packed, int64_t first, int64_t last) {
	const pg_format *f = pg_format_of(type);
	size_t row_bytes = (size_t)(k / f->block) * f->bytes;
	for (int64_t panel = first; panel < last; panel++) {
		const uint8_t *from = (const uint8_t *)all + (size_t)panel * PG_PANEL * row_bytes;
		uint8_t *to = (uint8_t *)packed + (size_t)panel * pg_panel_bytes(f, k);
		int rows = m - panel * PG_PANEL < PG_PANEL ? (int)(m - panel * PG_PANEL) : PG_PANEL;
		if (rows < PG_PANEL || type == PG_BF16) // missing rows and columns are 0
			memset(to, 0, pg_panel_bytes(f, k));
		switch (type) {
			PG_QUANT_LIST(PACK)
		case PG_BF16:
			for (int r = 0; r < rows; r++)
				for (int64_t i = 0; i < k; i += 2)
					memcpy(to + (size_t)(i * PG_PANEL + 2 * r) * 2, from + (size_t)r * row_bytes + (size_t)i * 2, i + 1 < k ? 4 : 2);
			break;
		default: // other floats
			for (int r = 0; r < rows; r++)
				for (int64_t i = 0; i < k; i++)
					memcpy(to + (size_t)(i * PG_PANEL + r) * f->bytes, from + (size_t)r * row_bytes + (size_t)i * f->bytes, f->bytes);
		}
	}
}
