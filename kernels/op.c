#include "op.h"

void pg_node_run(void *dst, int ith, int nth, void *userdata) {
	(void)dst, (void)ith, (void)nth;
	pg_node *n = userdata;
	pg_pool_run(n->pool, n->kernel, n->op);
}
