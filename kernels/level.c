#include "bfloat.h"
#include "tile.h"
#include "vector.h"

#include <stdatomic.h>

// The functions of a level.
typedef struct {
	const pg_level *products;
	const pg_vectors *vectors;
} functions;

#ifdef __x86_64__
#include <cpuid.h>

// avx_vnni asks the processor, because not every compiler's built-in knows it.
static int avx_vnni(void) {
	unsigned a, b, c, d;
	return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}

#if PG_BFLOATS
static int avx512_bf16(void) {
	unsigned a, b, c, d;
	return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 5 & 1;
}
#endif

static int f16c(void) {
	unsigned a, b, c, d;
	return __get_cpuid(1, &a, &b, &c, &d) && c >> 29 & 1;
}

static int runs(int level) {
	__builtin_cpu_init();
	int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && f16c();
	switch (level) {
	case PG_AVX2: return avx2;
	case PG_AVX_VNNI: return avx2 && avx_vnni();
	case PG_AVX512_VNNI:
		return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
			__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
			__builtin_cpu_supports("avx512vnni");
#if PG_BFLOATS
	case PG_AVX512_BF16: return runs(PG_AVX512_VNNI) && avx512_bf16();
#endif
#if PG_AMX
	case PG_AMX_BF16: return runs(PG_AVX512_BF16) && pg_amx_allowed();
#endif
	}
	return 0;
}

static const functions levels[PG_LEVELS] = {
	[PG_AVX2] = {&pg_avx2, &pg_vectors_avx2},
	[PG_AVX_VNNI] = {&pg_avx_vnni, &pg_vectors_avx2},
	[PG_AVX512_VNNI] = {&pg_avx512_vnni, &pg_vectors_avx512},
#if PG_BFLOATS
	[PG_AVX512_BF16] = {&pg_avx512_bf16, &pg_vectors_avx512},
#endif
#if PG_AMX
	[PG_AMX_BF16] = {&pg_amx_bf16, &pg_vectors_avx512},
#endif
};
#elif PG_ARM && (defined(__linux__) || defined(__APPLE__))
#ifdef __APPLE__
#include <sys/sysctl.h>

static int has(const char *feature) {
	int yes = 0;
	size_t size = sizeof yes;
	return sysctlbyname(feature, &yes, &size, NULL, 0) == 0 && yes;
}

static int dotprod(void) { return has("hw.optional.arm.FEAT_DotProd"); }
static int i8mm(void) { return has("hw.optional.arm.FEAT_I8MM"); }
#else
#include <sys/auxv.h>

// The bits are HWCAP_ASIMDDP and HWCAP2_I8MM, which older headers lack.
static int dotprod(void) { return getauxval(AT_HWCAP) >> 20 & 1; }
static int i8mm(void) { return getauxval(AT_HWCAP2) >> 13 & 1; }
#endif

static int runs(int level) {
	return level == PG_NEON ? dotprod() : level == PG_NEON_I8MM && dotprod() && i8mm();
}

static const functions levels[PG_LEVELS] = {
	[PG_NEON] = {&pg_neon, &pg_vectors_neon},
	[PG_NEON_I8MM] = {&pg_neon_i8mm, &pg_vectors_neon},
};
#else
static int runs(int level) {
	(void)level;
	return 0;
}
static const functions levels[PG_LEVELS];
#endif

// passed_over reports whether PG_AUTO does not stand for a level although it is
// supported. Intel's VDPBF16PS takes four times as long as a multiply-add of
// float32, which does half of its work.
static int passed_over(int level) {
#if PG_BFLOATS
	unsigned a, b, c, d;
	return level == PG_AVX512_BF16 && __get_cpuid(0, &a, &b, &c, &d) && b == signature_INTEL_ebx;
#else
	(void)level;
	return 0;
#endif
}

enum { PASSED_OVER = PG_LEVELS }; // where supported has the bits of levels that are passed over

// supported returns a bit for each supported level, and the bit of PG_AUTO, which
// is always set. The processor is asked once: a virtual machine takes
// microseconds to answer.
static unsigned supported(void) {
	static atomic_uint known;
	unsigned found = atomic_load_explicit(&known, memory_order_relaxed);
	if (!found) {
		found = 1 << PG_AUTO;
		for (int level = PG_AUTO + 1; level < PG_LEVELS; level++)
			if (levels[level].products && runs(level))
				found |= 1u << level | (unsigned)passed_over(level) << (PASSED_OVER + level);
		atomic_store_explicit(&known, found, memory_order_relaxed);
	}
	return found;
}

int pg_level_supported(int level) {
	return level > PG_AUTO && level < PG_LEVELS && supported() >> level & 1;
}

int pg_best_level(void) {
	int level = PG_LEVELS - 1;
	while (level > PG_AUTO && (!pg_level_supported(level) || supported() >> (PASSED_OVER + level) & 1))
		level--;
	return level;
}

// functions_of returns the functions of a level, none for PG_AUTO if no level is
// supported.
static functions functions_of(int level) {
	if (level == PG_AUTO)
		level = pg_best_level();
	return level > PG_AUTO && level < PG_LEVELS ? levels[level] : (functions){0};
}

const pg_level *pg_level_of(int level) { return functions_of(level).products; }

const pg_vectors *pg_vectors_of(int level) { return functions_of(level).vectors; }
