// Levels: the instruction sets that kernels are written for, and which of them
// this processor can run.
#ifndef PG_LEVEL_H
#define PG_LEVEL_H

// PG_ARM is 1 where the kernels for arm64 compile: clang knows the target
// attribute from version 16 on.
#if defined(__aarch64__) && (!defined(__clang__) || __clang_major__ >= 16)
#define PG_ARM 1
#else
#define PG_ARM 0
#endif

// PG_BFLOATS is 1 where the compiler knows AVX512_BF16 and AMX, PG_AMX where the
// system's request for AMX is known, too.
#if defined(__x86_64__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define PG_BFLOATS 1
#else
#define PG_BFLOATS 0
#endif
#ifdef __linux__
#define PG_AMX PG_BFLOATS
#else
#define PG_AMX 0
#endif

// The levels, slowest first. PG_AUTO stands for the fastest supported level.
enum {
	PG_AUTO,
	PG_AVX2,
	PG_AVX_VNNI,
	PG_AVX512_VNNI,
	PG_AVX512_BF16,
	PG_AMX_BF16,
	PG_NEON,
	PG_NEON_I8MM,
	PG_LEVELS,
};

// pg_level_supported reports whether this binary has kernels of a level and
// this processor can run them.
int pg_level_supported(int level);

// pg_best_level returns the supported level that is fastest on this processor,
// PG_AUTO if there is none.
int pg_best_level(void);

#endif
