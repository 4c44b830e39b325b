// Kernels as nodes of a ggml graph.
#ifndef PG_OP_H
#define PG_OP_H

#include "pool.h"

// A pg_node is a kernel, its description and the threads that run it.
typedef struct {
	pg_kernel kernel;
	const void *op;
	pg_pool *pool;
} pg_node;

// pg_node_run has the type of ggml_custom_op_t. Nodes are made with one task, so
// ggml calls it from one thread, and the threads of the pool do the work. So ggml
// needs no threads of its own, which would wait for each other without sleeping.
void pg_node_run(void *dst, int ith, int nth, void *userdata);

#endif
