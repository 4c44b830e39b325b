// How packed weights lie in memory.
//
// A panel is 32 rows. It is a sequence of records, each of 32 or 256 columns:
// a head with the rows' scales, then for every 32 columns the bit planes of
// their quants. Planes are made of lines of 64 bytes; in the plane of 8-bit
// quants, byte 4r+i of lines 2g and 2g+1 is column 4g+i of row r (+16 in line
// 2g+1), for the 8 groups g of 4 columns. The planes of fewer bits hold
// several groups in a byte:
//
//	4 bits  lines 2(g%4)..    low half for groups 0-3, high half for 4-7
//	2 bits  lines 2(g/4)..    bits 2(g%4) and up
//	1 bit   lines 0..         bit g
//
// Floats are stored column by column, 32 rows each.
#ifndef PG_FORMAT_H
#define PG_FORMAT_H

#include "product.h"

// Bit planes that quants consist of, with what is subtracted from them.
enum {
	PG_P8,  // 8 bits, less 128
	PG_P4,  // 4 bits, less 8
	PG_P4U, // 4 bits
	PG_P4C, // 4 bits, an index of pg_codebook
	PG_P5,  // 4 and 1 bits, less 16
	PG_P5U, // 4 and 1 bits
	PG_P6,  // 4 and 2 bits, less 32
	PG_P3,  // 2 and 1 bits, less 4
	PG_P2U, // 2 bits
	PG_PLANES,
};

// Heads: what scales a record begins with, each for 32 rows.
enum {
	PG_D,        // f16 d
	PG_DM,       // f16 d, m; w = d q + m
	PG_K_SCALE,  // f16 d, int8 s per 32 or 16; w = d s q
	PG_K_MIN,    // f16 d, dmin, uint8 s, t per 32; w = d s q - dmin t
	PG_K_MIN16,  // f16 d, dmin, uint8 s | t<<4 per 16
};

typedef struct pg_format {
	int type;
	int block, bytes;   // ggml's block: columns and bytes
	int planes, head;   // -1 for floats
	int halves;         // scales are per 16 columns instead of 32
	int mins;           // there is a minimum beside the scale
	int head_bytes;     // of a record
	int plane_bytes;    // per 32 columns
} pg_format;

// pg_format_of returns the format of a type, NULL if it cannot be packed.
const pg_format *pg_format_of(int type);

static inline size_t pg_record_bytes(const pg_format *f) {
	return f->planes < 0 ? (size_t)f->bytes * PG_PANEL
	                     : (size_t)f->head_bytes + (size_t)(f->block / 32) * f->plane_bytes;
}

static inline size_t pg_panel_bytes(const pg_format *f, int64_t k) {
	return ((size_t)(k / f->block) * pg_record_bytes(f) + 63) & ~(size_t)63;
}

extern const int8_t pg_codebook[16]; // values of IQ4_NL and IQ4_XS

#endif
