#include "vector.h"

void pg_stretch_lines(pg_stretch op, int64_t first, int64_t last) {
	pg_vectors_of(op.level)->stretch(&op, first, last);
}
