package bindings

import "github.com/pgcli/paligemma/gguf"

// A CustomOp is a C function that computes a node of a graph on the CPU. ggml
// calls it from each of its threads at once.
type CustomOp struct {
	fn       callback
	userdata address
}

// CustomFromC makes an operation of the C function at address fn, such as those
// of package kernels. The function computes part ith of nth parts of dst:
//
//	void fn(struct ggml_tensor *dst, int ith, int nth, void *userdata)
func CustomFromC(fn, userdata uintptr) CustomOp {
	return CustomOp{callback(fn), address(userdata)}
}

// Custom appends an operation on args, at least one, cut into tasks parts, whose
// result has type t and shape ne. tasks -1 means one part per thread.
func (c *Context) Custom(op CustomOp, t gguf.Type, ne [4]int64, tasks int, args ...Tensor) Tensor {
	if !c.ready(args...) || len(args) == 0 {
		return Tensor{}
	}
	ptrs := make([]tensorPtr, len(args))
	for i, x := range args {
		ptrs[i] = x.ptr
	}
	return c.tensor(c.lib.fn.custom4D(c.ptr, t, ne[0], ne[1], ne[2], ne[3], &ptrs[0], int32(len(ptrs)),
		op.fn, int32(tasks), op.userdata))
}
