//go:build cgo

package kernels

// #include "op.h"
import "C"

import "unsafe"

// run computes op.
func (p *Pool) run(op Op, scratch Memory) {
	n := p.NewNode()
	defer n.Free()
	n.Set(op, scratch)
	C.pg_node_run(nil, 0, 1, unsafe.Pointer(n.node))
}
