#include "limits.h"
#include "bfloat.h"

// The loops are assembly, because compilers leave out work whose result is not used.
// Twelve independent sums hide the latency of each.
#define TWELVE(STEP) STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11)
#define LOOP(STEP, ...) \
	for (int64_t i = 0; i < rounds; i++) \
	__asm__ volatile(TWELVE(STEP)::: __VA_ARGS__)
#define VECTORS(V) V "0", V "1", V "2", V "3", V "4", V "5", V "6", V "7", V "8", V "9", V "10", V "11", V "12", V "13", V "14", V "15"

#ifdef __x86_64__
#define DOT512(i) "vpdpbusd %%zmm14, %%zmm15, %%zmm" #i "\n"
#define DOT256(i) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" #i "\n"
#define DOT_AVX2(i) /* three instructions do the work of one */ \
	"vpmaddubsw %%ymm14, %%ymm15, %%ymm13\n vpmaddwd %%ymm13, %%ymm12, %%ymm13\n vpaddd %%ymm13, %%ymm" #i ", %%ymm" #i "\n"
#define FMA512(i) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #i "\n"
#define FMA256(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"

__attribute__((target("avx512f"))) static void int8_avx512(int64_t rounds) { LOOP(DOT512, VECTORS("xmm")); }
__attribute__((target("avx2"))) static void int8_avx_vnni(int64_t rounds) { LOOP(DOT256, VECTORS("xmm")); }
__attribute__((target("avx2"))) static void int8_avx2(int64_t rounds) { LOOP(DOT_AVX2, VECTORS("xmm")); }
#if PG_BFLOATS
#define BFLOAT512(i) "vdpbf16ps %%zmm14, %%zmm15, %%zmm" #i "\n"
__attribute__((target("avx512f"))) static void bfloat_avx512(int64_t rounds) { LOOP(BFLOAT512, VECTORS("xmm")); }
#endif
__attribute__((target("avx512f"))) static void float_avx512(int64_t rounds) { LOOP(FMA512, VECTORS("xmm")); }
__attribute__((target("avx2"))) static void float_avx2(int64_t rounds) { LOOP(FMA256, VECTORS("xmm")); }
#endif

#if PG_ARM
#define DOT_NEON(i) "sdot v" #i ".4s, v14.16b, v15.16b\n"
#define MMLA_NEON(i) "smmla v" #i ".4s, v14.16b, v15.16b\n"
#define FMA_NEON(i) "fmla v" #i ".4s, v14.4s, v15.4s\n"
__attribute__((target("arch=armv8.2-a+dotprod"))) static void int8_neon(int64_t rounds) { LOOP(DOT_NEON, VECTORS("v")); }
__attribute__((target("arch=armv8.2-a+dotprod+i8mm"))) static void int8_neon_i8mm(int64_t rounds) { LOOP(MMLA_NEON, VECTORS("v")); }
static void float_neon(int64_t rounds) { LOOP(FMA_NEON, VECTORS("v")); }
#endif

typedef struct {
	int level, int8_width, float_width;
	void (*int8)(int64_t rounds), (*floats)(int64_t rounds);
	int bfloat_width; // 0 if the level does not multiply bfloat16
	void (*bfloats)(int64_t rounds);
} limits;

static const limits all[] = {
#ifdef __x86_64__
	{PG_AVX2, 32, 8, int8_avx2, float_avx2, 0, NULL},
	{PG_AVX_VNNI, 32, 8, int8_avx_vnni, float_avx2, 0, NULL},
	{PG_AVX512_VNNI, 64, 16, int8_avx512, float_avx512, 0, NULL},
#if PG_BFLOATS
	{PG_AVX512_BF16, 64, 16, int8_avx512, float_avx512, 32, bfloat_avx512},
#endif
#if PG_AMX
	{PG_AMX_BF16, 64, 16, int8_avx512, float_avx512, PG_AMX_LIMIT_WIDTH, pg_amx_limit},
#endif
#endif
#if PG_ARM
	{PG_NEON, 16, 4, int8_neon, float_neon, 0, NULL},
	{PG_NEON_I8MM, 32, 4, int8_neon_i8mm, float_neon, 0, NULL},
#endif
	{0, 0, 0, NULL, NULL, 0, NULL},
};

// limits_of returns the limits of a level, zeros if it is not supported.
static const limits *limits_of(int level) {
	if (level == PG_AUTO)
		level = pg_best_level();
	const limits *l = all;
	while (l->level && (l->level != level || !pg_level_supported(level)))
		l++;
	return l;
}

int pg_limit_int8_width(int level) { return limits_of(level)->int8_width; }
int pg_limit_float_width(int level) { return limits_of(level)->float_width; }
int pg_limit_bfloat_width(int level) { return limits_of(level)->bfloat_width; }

// repeat calls loop for rounds in all.
static void repeat(void (*loop)(int64_t rounds), int64_t rounds, pg_team *team) {
	enum { PIECE = 1 << 12 };
	for (int64_t at; (at = pg_take(team, 0, PIECE)) < rounds;)
		loop(rounds - at < PIECE ? rounds - at : PIECE);
}

void pg_limit_int8(const void *op, int ith, pg_team *team) {
	(void)ith;
	const pg_limit *l = op;
	repeat(limits_of(l->level)->int8, l->rounds, team);
}

void pg_limit_float(const void *op, int ith, pg_team *team) {
	(void)ith;
	const pg_limit *l = op;
	repeat(limits_of(l->level)->floats, l->rounds, team);
}

void pg_limit_bfloat(const void *op, int ith, pg_team *team) {
	(void)ith;
	const pg_limit *l = op;
	repeat(limits_of(l->level)->bfloats, l->rounds, team);
}

void pg_limit_read(const void *op, int ith, pg_team *team) {
	(void)ith;
	enum { PIECE = 1 << 20 };
	enum { LINE = 64 };
	const pg_limit *l = op;
	uint64_t sum = 0;
	for (int64_t at; (at = pg_take(team, 0, PIECE)) < (int64_t)l->bytes;) {
		const char *piece = l->memory + at;
		for (int64_t i = 0; i < PIECE && at + i + LINE <= (int64_t)l->bytes; i += LINE) {
			const uint64_t *word = (const uint64_t *)(piece + i);
			sum += word[0] + word[1] + word[2] + word[3] + word[4] + word[5] + word[6] + word[7];
		}
	}
	__asm__ volatile("" ::"r"(sum));
}
