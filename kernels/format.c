#include "format.h"

const int8_t pg_codebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static const pg_format formats[] = {
	//type      block bytes planes   head        halves mins head plane
	{PG_F32,     1,     4, -1,       -1,         0, 0,     0,    0},
	{PG_F16,     1,     2, -1,       -1,         0, 0,     0,    0},
	{PG_BF16,    1,     2, -1,       -1,         0, 0,     0,    0},
	{PG_Q8_0,   32,    34, PG_P8,    PG_D,       0, 0,    64, 1024},
	{PG_Q4_0,   32,    18, PG_P4,    PG_D,       0, 0,    64,  512},
	{PG_Q4_1,   32,    20, PG_P4U,   PG_DM,      0, 1,   128,  512},
	{PG_Q5_0,   32,    22, PG_P5,    PG_D,       0, 0,    64,  640},
	{PG_Q5_1,   32,    24, PG_P5U,   PG_DM,      0, 1,   128,  640},
	{PG_IQ4_NL, 32,    18, PG_P4C,   PG_D,       0, 0,    64,  512},
	{PG_IQ4_XS, 256,  136, PG_P4C,   PG_K_SCALE, 0, 0,   320,  512},
	{PG_Q2_K,   256,   84, PG_P2U,   PG_K_MIN16, 1, 1,   640,  256},
	{PG_Q3_K,   256,  110, PG_P3,    PG_K_SCALE, 1, 0,   576,  384},
	{PG_Q4_K,   256,  144, PG_P4U,   PG_K_MIN,   0, 1,   640,  512},
	{PG_Q5_K,   256,  176, PG_P5U,   PG_K_MIN,   0, 1,   640,  640},
	{PG_Q6_K,   256,  210, PG_P6,    PG_K_SCALE, 1, 0,   576,  768},
};

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
