// Products of bfloat16 with AMX: tiles of 32 rows by up to 32 columns.
#include "bfloat.h"

#if PG_AMX
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PG_KERNEL __attribute__((target("amx-tile,amx-bf16")))

// FENCE makes compilers keep accesses of memory, such as at p, before and behind it.
#define FENCE(p) __asm__ volatile("" ::"r"(p) : "memory")

// A tile register holds up to 16 rows of 64 bytes. Registers are
//
//	0 1   sums of the first 16 columns: for each column, rows 0-15 and 16-31
//	2 3   sums of the other columns
//	4 5   activations: for each column, 32 values
//	6 7   weights: for each pair of columns, rows 0-15 and 16-31
//
// so that four products need four loads.
typedef struct {
	uint8_t palette, start_row, reserved[14];
	uint16_t bytes[16]; // of a row
	uint8_t rows[16];
} configuration;

// configure tells the processor how many rows the registers have: as many as
// columns for sums and activations.
PG_KERNEL static void configure(int columns) {
	uint8_t low = (uint8_t)(columns < 16 ? columns : 16), high = (uint8_t)(columns - low);
	configuration c = {
		.palette = 1,
		.bytes = {64, 64, 64, 64, 64, 64, 64, 64},
		.rows = {low, low, high, high, low, high, 16, 16},
	};
	if (!high)
		c.bytes[2] = c.bytes[3] = c.bytes[5] = 0;
	FENCE(&c); // gcc's built-in function says that it reads 8 bytes only
	_tile_loadconfig(&c);
}

enum { PAIRS = 4 * PG_PANEL,
	SUMS = 4 * PG_PANEL }; // bytes from row to row of weights and sums

// sums computes a tile, of more than 16 columns if high.
PG_KERNEL static inline __attribute__((always_inline)) void sums(const int high, const pg_tile *t) {
	const uint8_t *w = t->w, *x = t->act, *ahead = t->next;
	float *acc = t->acc + 16 * PG_PANEL;
	if (t->first) {
		_tile_zero(0);
		_tile_zero(1);
		if (high) {
			_tile_zero(2);
			_tile_zero(3);
		}
	} else {
		_tile_loadd(0, t->acc, SUMS);
		_tile_loadd(1, t->acc + 16, SUMS);
		if (high) {
			_tile_loadd(2, acc, SUMS);
			_tile_loadd(3, acc + 16, SUMS);
		}
	}
	for (int b = 0; b < t->blocks; b++, w += 16 * PAIRS, x += t->columns * 64) {
		for (int i = 0; i < t->lines; i++, ahead += 64)
			__builtin_prefetch(ahead, 0, 2);
		_tile_loadd(6, w, PAIRS);
		_tile_loadd(4, x, 64);
		_tile_loadd(7, w + 64, PAIRS);
		_tile_dpbf16ps(0, 4, 6);
		_tile_dpbf16ps(1, 4, 7);
		if (high) {
			_tile_loadd(5, x + 16 * 64, 64);
			_tile_dpbf16ps(2, 5, 6);
			_tile_dpbf16ps(3, 5, 7);
		}
	}
	_tile_stored(0, t->acc, SUMS);
	_tile_stored(1, t->acc + 16, SUMS);
	if (high) {
		_tile_stored(2, acc, SUMS);
		_tile_stored(3, acc + 16, SUMS);
	}
}

PG_KERNEL static void low_sums(const pg_tile *t) { sums(0, t); }
PG_KERNEL static void all_sums(const pg_tile *t) { sums(1, t); }

PG_KERNEL void pg_amx_tile(const pg_tile *t) {
	if (t->chunk->configured != t->columns) {
		if (!t->chunk->configured)
			_tile_storeconfig(t->chunk->before);
		configure(t->columns);
		t->chunk->configured = t->columns;
	}
	FENCE(t); // as built-in functions do not say that they read and write memory
	(t->columns > 16 ? all_sums : low_sums)(t);
	FENCE(t);
}

PG_KERNEL void pg_amx_release(pg_chunk *chunk) {
	if (!chunk->configured)
		return;
	FENCE(chunk);
	if (chunk->before[0]) // the palette; 0 if they were not set up
		_tile_loadconfig(chunk->before);
	else
		_tile_release();
}

PG_KERNEL void pg_amx_limit(int64_t rounds) {
	pg_chunk chunk;
	_tile_storeconfig(chunk.before);
	configure(chunk.configured = 32);
	for (int i = 0; i < rounds / 16; i++) {
		for (int j = 0; j < 3; j++) { // 12 products, of four sums
			_tile_dpbf16ps(0, 4, 6);
			_tile_dpbf16ps(1, 4, 7);
			_tile_dpbf16ps(2, 5, 6);
			_tile_dpbf16ps(3, 5, 7);
		}
	}
	pg_amx_release(&chunk);
}

// The system's request for a part of the processor's state, and the number of
// the tile registers among the parts.
enum { REQUEST = 0x1023 };
enum { TILES = 18 };

int pg_amx_allowed(void) {
	unsigned a, b, c, d;
	int has = __get_cpuid_count(7, 0, &a, &b, &c, &d) && d >> 22 & 1 && d >> 24 & 1; // AMX-BF16, AMX-TILE
	return has && syscall(SYS_arch_prctl, REQUEST, TILES) == 0;
}
#endif
