// Kernels as nodes of a ggml graph.
#ifndef PG_OP_H
#define PG_OP_H

#include "pool.h"

// A pg_node is a kernel, what it works on, and the threads that run it.
typedef struct {
	pg_kernel kernel;
	const void *op;
	pg_pool *pool;
} pg_node;

// pg_node_run has the type of ggml_custom_op_t. ggml calls it from one thread,
// as the node is made with one task; the pool's threads do the work. So ggml's
// own threads, which wait for each other without ever sleeping, can be one.
void pg_node_run(void *dst, int ith, int nth, void *userdata);

#endif
