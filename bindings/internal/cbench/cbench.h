// The matrix product of the doors' benchmark, called from C, to show the cost of
// calling ggml without Go.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cbench_product {
	int type;        // enum ggml_type of the weights
	int64_t m, k, n; // weights [k, m], columns [k, n]
	const void *weights;
	size_t weight_bytes;
	const float *columns;
};

struct cbench;

// cbench_new prepares a product with the functions of a library or, if library
// is NULL, with the n named functions. It returns NULL when a function is missing.
struct cbench *cbench_new(const char *library, const char *const *names, void *const *addrs, int n,
	const struct cbench_product *product, int threads);

// cbench_run computes the product once and returns the time in nanoseconds, -1
// on failure.
int64_t cbench_run(struct cbench *);

void cbench_free(struct cbench *);
