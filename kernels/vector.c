#include "vector.h"

#include "level.h"

const pg_vectors *pg_vectors_of(int level) {
	switch (level == PG_AUTO ? pg_best_level() : level) {
#ifdef __x86_64__
	case PG_AVX2:
	case PG_AVX_VNNI:
		return &pg_vectors_avx2;
	case PG_AVX512_VNNI:
		return &pg_vectors_avx512;
#elif PG_ARM
	case PG_NEON:
	case PG_NEON_I8MM:
		return &pg_vectors_neon;
#endif
	}
	return 0;
}
