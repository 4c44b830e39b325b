#include "cbench.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// The prototypes are ggml's; bindings/abi_test.go checks the same functions.
struct init_params {
	size_t size;
	void *buffer;
	bool no_alloc;
};

#define API(X) \
	X(void *, init, "ggml_init", (struct init_params)) \
	X(void, free, "ggml_free", (void *)) \
	X(void *, new_tensor, "ggml_new_tensor", (void *, int, int, const int64_t *)) \
	X(void *, mul_mat, "ggml_mul_mat", (void *, void *, void *)) \
	X(void *, new_graph, "ggml_new_graph_custom", (void *, size_t, bool)) \
	X(void, expand, "ggml_build_forward_expand", (void *, void *)) \
	X(void, set_input, "ggml_set_input", (void *)) \
	X(void *, galloc, "ggml_gallocr_new", (void *)) \
	X(void, galloc_free, "ggml_gallocr_free", (void *)) \
	X(bool, galloc_graph, "ggml_gallocr_alloc_graph", (void *, void *)) \
	X(size_t, dev_count, "ggml_backend_dev_count", (void)) \
	X(void *, dev_get, "ggml_backend_dev_get", (size_t)) \
	X(int, dev_type, "ggml_backend_dev_type", (void *)) \
	X(void *, dev_init, "ggml_backend_dev_init", (void *, const char *)) \
	X(void *, dev_reg, "ggml_backend_dev_backend_reg", (void *)) \
	X(void *, proc, "ggml_backend_reg_get_proc_address", (void *, const char *)) \
	X(void *, buft, "ggml_backend_dev_buffer_type", (void *)) \
	X(int, compute, "ggml_backend_graph_compute", (void *, void *)) \
	X(void, backend_free, "ggml_backend_free", (void *)) \
	X(void, set, "ggml_backend_tensor_set", (void *, const void *, size_t, size_t))

struct api {
#define FIELD(result, name, symbol, args) result(*name) args;
	API(FIELD)
};

struct cbench {
	struct api f;
	void *ctx, *graph, *galloc, *backend;
};

// resolve fills the table from a library, or from a list of names and addresses.
static bool resolve(struct api *f, const char *library, const char *const *names, void *const *addrs, int n) {
	void *lib = library ? dlopen(library, RTLD_NOW | RTLD_LOCAL) : NULL;
	if (library && !lib)
		return false;
#define LOOK(result, name, symbol, args) \
	f->name = NULL; \
	if (lib) \
		f->name = (result(*) args)dlsym(lib, symbol); \
	for (int i = 0; !lib && i < n; i++) \
		if (strcmp(names[i], symbol) == 0) \
			f->name = (result(*) args)addrs[i]; \
	if (!f->name) \
		return false;
	API(LOOK)
	return true;
}

struct cbench *cbench_new(const char *library, const char *const *names, void *const *addrs, int n,
	const struct cbench_product *p, int threads) {
	struct cbench *b = calloc(1, sizeof *b);
	if (!b || !resolve(&b->f, library, names, addrs, n)) {
		free(b);
		return NULL;
	}
	struct api *f = &b->f;
	void *dev = NULL;
	for (size_t i = 0; i < f->dev_count(); i++)
		if (f->dev_type(f->dev_get(i)) == 0)
			dev = f->dev_get(i);
	if (!dev) {
		free(b);
		return NULL;
	}
	b->backend = f->dev_init(dev, NULL);
	((void (*)(void *, int))f->proc(f->dev_reg(dev), "ggml_backend_set_n_threads"))(b->backend, threads);

	b->ctx = f->init((struct init_params){1 << 16, NULL, true});
	void *w = f->new_tensor(b->ctx, p->type, 2, (int64_t[]){p->k, p->m});
	void *x = f->new_tensor(b->ctx, 0, 2, (int64_t[]){p->k, p->n});
	f->set_input(w);
	f->set_input(x);
	b->graph = f->new_graph(b->ctx, 16, false);
	f->expand(b->graph, f->mul_mat(b->ctx, w, x));
	b->galloc = f->galloc(f->buft(dev));
	if (!f->galloc_graph(b->galloc, b->graph)) {
		cbench_free(b);
		return NULL;
	}
	f->set(w, p->weights, 0, p->weight_bytes);
	f->set(x, p->columns, 0, (size_t)p->k * p->n * sizeof(float));
	return b;
}

int64_t cbench_run(struct cbench *b) {
	struct timespec start, end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	int status = b->f.compute(b->backend, b->graph);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (status != 0)
		return -1;
	return (end.tv_sec - start.tv_sec) * 1000000000LL + (end.tv_nsec - start.tv_nsec);
}

void cbench_free(struct cbench *b) {
	b->f.galloc_free(b->galloc);
	b->f.free(b->ctx);
	b->f.backend_free(b->backend);
	free(b);
}
