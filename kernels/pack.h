// Packed weights: their types, and how they lie in memory.
//
// A panel is 32 rows. It is a sequence of records, each of 32 or 256 columns:
// a head with the scales of the rows, then the bit planes of the quants of each
// 32 columns. Planes consist of lines of 64 bytes. In the plane of 8-bit quants,
// byte 4r+i of lines 2g and 2g+1 is column 4g+i of row r (row r+16 in line
// 2g+1), for the 8 groups g of 4 columns. The planes of fewer bits hold several
// groups in a byte:
//
//	4 bits  lines 2(g%4)..    low half for groups 0-3, high half for 4-7
//	2 bits  lines 2(g/4)..    bits 2(g%4) and up
//	1 bit   lines 0..         bit g
//
// Floats lie column by column, 32 rows each; BF16 in pairs of columns, of each row
// two, and filled up with zeros to a multiple of 32 columns, as the processors'
// products of bfloat16 read them.
//
// The lists below are the only place that names every type, plane and head;
// enums, tables and the functions of one plane or type each follow from them.
#ifndef PG_PACK_H
#define PG_PACK_H

#include <stddef.h>
#include <stdint.h>

// PG_ANEW makes compilers compute addresses from p anew. They would keep the address
// of every row that is read twice, and run out of registers.
#define PG_ANEW(p) __asm__("" : "+r"(p))

enum { PG_PANEL = 32 }; // rows of a panel

// clang-format off

// Bit planes of quants: X(name, bits, less, halves, plain).
//
//	bits     of a quant
//	less     is subtracted from a quant; 0 or a power of two
//	halves   1 if scales are for 16 columns instead of 32
//	plain    1 if a quant needs a float16 scale per 32 columns and nothing else
//
// P4C holds indices of pg_codebook. P5 is a plane of 4 bits and one of 1 bit, P6
// of 4 and 2, P3 of 2 and 1.
#define PG_PLANE_LIST(X) \
	X(P8,  8, 128, 0, 1) \
	X(P4,  4,   8, 0, 1) \
	X(P4U, 4,   0, 0, 0) \
	X(P4C, 4,   0, 0, 0) \
	X(P5,  5,  16, 0, 1) \
	X(P5U, 5,   0, 0, 0) \
	X(P6,  6,  32, 1, 0) \
	X(P3,  3,   4, 1, 0) \
	X(P2U, 2,   0, 1, 0)

// Heads of records: X(name, floats, scales), the float16 of a row and the bytes
// that a row has for every 32 columns, or for every 16 if halves.
//
//	D         d
//	DM        d, m; w = d q + m
//	K_SCALE   d, int8 s; w = d s q
//	K_MIN     d, dmin, uint8 s, t; w = d s q - dmin t
//	K_MIN16   d, dmin, uint8 s | t<<4
#define PG_HEAD_LIST(X) \
	X(D,       1, 0) \
	X(DM,      2, 0) \
	X(K_SCALE, 1, 1) \
	X(K_MIN,   2, 2) \
	X(K_MIN16, 2, 1)

// Quantized types: X(name, number, block, bytes, planes, head), with ggml's
// number and the columns and bytes of ggml's block.
#define PG_QUANT_LIST(X) \
	X(Q8_0,    8,  32,  34, P8,  D) \
	X(Q4_0,    2,  32,  18, P4,  D) \
	X(Q4_1,    3,  32,  20, P4U, DM) \
	X(Q5_0,    6,  32,  22, P5,  D) \
	X(Q5_1,    7,  32,  24, P5U, DM) \
	X(IQ4_NL, 20,  32,  18, P4C, D) \
	X(IQ4_XS, 23, 256, 136, P4C, K_SCALE) \
	X(Q2_K,   10, 256,  84, P2U, K_MIN16) \
	X(Q3_K,   11, 256, 110, P3,  K_SCALE) \
	X(Q4_K,   12, 256, 144, P4U, K_MIN) \
	X(Q5_K,   13, 256, 176, P5U, K_MIN) \
	X(Q6_K,   14, 256, 210, P6,  K_SCALE)

// Float types: X(name, number, bytes).
#define PG_FLOAT_LIST(X) \
	X(F16,   1, 2) \
	X(BF16, 30, 2) \
	X(F32,   0, 4)

// clang-format on

#define PG_NUMBER(name, number, ...) PG_##name = number,
enum { PG_QUANT_LIST(PG_NUMBER) PG_FLOAT_LIST(PG_NUMBER) };
#undef PG_NUMBER

#define PG_NAME(name, ...) PG_##name,
enum {
	PG_PLANE_LIST(PG_NAME) PG_PLANES,
	PG_NO_PLANES = -1,
};
enum { PG_HEAD_LIST(PG_NAME) PG_NO_HEAD = -1 };
#undef PG_NAME

// A pg_format describes a type, in ggml's layout and packed.
typedef struct pg_format {
	int type;
	int block, bytes; // columns and bytes of ggml's block
	int planes, head; // PG_NO_PLANES and PG_NO_HEAD for floats
	int halves;       // scales are for 16 columns instead of 32
	int mins;         // a minimum goes with each scale
	int head_bytes;   // of a record
	int plane_bytes;  // of 32 columns
} pg_format;

// pg_format_of returns the format of a type, NULL if it cannot be packed.
const pg_format *pg_format_of(int type);

// pg_record_bytes returns the bytes of a record: of a column if f is a float.
static inline size_t pg_record_bytes(const pg_format *f) {
	return f->planes < 0 ? (size_t)f->bytes * PG_PANEL : (size_t)f->head_bytes + (size_t)(f->block / 32) * f->plane_bytes;
}

// pg_panel_bytes returns the bytes of a panel of k columns, a multiple of 64.
static inline size_t pg_panel_bytes(const pg_format *f, int64_t k) {
	int64_t records = f->type == PG_BF16 ? (k + 31) / 32 * 32 : k / f->block;
	return ((size_t)records * pg_record_bytes(f) + 63) & ~(size_t)63;
}

extern const int8_t pg_codebook[16]; // values of IQ4_NL and IQ4_XS

// A pg_matrix is a packed matrix of m rows of k values.
typedef struct pg_matrix {
	int type;
	int64_t k, m;
	const void *packed;
} pg_matrix;

// pg_packable reports whether matrices of this type and shape can be packed.
int pg_packable(int type, int64_t k, int64_t m);

// pg_panels returns the number of panels of m rows.
int64_t pg_panels(int64_t m);

// pg_packed_bytes returns the size of a packed matrix, a multiple of 64; packed
// memory should begin at a multiple of 64.
size_t pg_packed_bytes(int type, int64_t k, int64_t m);

// pg_pack packs panels [first, last) of a matrix whose rows are in ggml's
// layout. Threads may pack different panels at once.
void pg_pack(int type, int64_t k, int64_t m, const void *rows, void *packed, int64_t first, int64_t last);

#endif
