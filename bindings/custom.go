package bindings

import (
	"sync"

	"github.com/ebitengine/purego"

	"github.com/pgcli/paligemma/gguf"
)

// A CustomOp is code that computes a node of a graph on the CPU. ggml calls it
// from each of its threads at once.
type CustomOp struct {
	fn       callback
	userdata address
	run      func(dst Tensor, ith, nth int) // set instead for an operation in Go
}

// CustomFromC makes an operation of the C function at address fn, such as those
// of package kernels:
//
//	void fn(struct ggml_tensor *dst, int ith, int nth, void *userdata)
func CustomFromC(fn, userdata uintptr) CustomOp {
	return CustomOp{fn: callback(fn), userdata: address(userdata)}
}

// CustomFromGo makes an operation of a Go function, which computes part ith of
// nth parts of dst. It reads its operands with Get, writes dst with Set, and must
// not panic.
func CustomFromGo(run func(dst Tensor, ith, nth int)) CustomOp { return CustomOp{run: run} }

// Custom appends an operation on args, cut into tasks parts, whose result has
// type t and shape ne. tasks -1 means one part per thread.
func (c *Context) Custom(op CustomOp, t gguf.Type, ne [4]int64, tasks int, args ...Tensor) Tensor {
	if !c.ready(args...) || len(args) == 0 {
		return Tensor{}
	}
	if op.run != nil {
		id := goOps.add(goOp{c, op.run})
		c.goOps = append(c.goOps, id)
		op.fn, op.userdata = callback(goOpCallback()), address(id)
	}
	ptrs := make([]tensorPtr, len(args))
	for i, x := range args {
		ptrs[i] = x.ptr
	}
	return c.tensor(c.lib.fn.custom4D(c.ptr, t, ne[0], ne[1], ne[2], ne[3], &ptrs[0], int32(len(ptrs)),
		op.fn, int32(tasks), op.userdata))
}

// A goOp is a node that Go computes. It lives as long as its context.
type goOp struct {
	ctx *Context
	run func(dst Tensor, ith, nth int)
}

// goOps is global because the callback is: see logSinks.
var goOps = goOpTable{ops: map[uintptr]goOp{}}

type goOpTable struct {
	sync.RWMutex
	next uintptr
	ops  map[uintptr]goOp
}

func (t *goOpTable) add(op goOp) uintptr {
	t.Lock()
	defer t.Unlock()
	t.next++
	t.ops[t.next] = op
	return t.next
}

func (t *goOpTable) remove(ids []uintptr) {
	t.Lock()
	defer t.Unlock()
	for _, id := range ids {
		delete(t.ops, id)
	}
}

func (t *goOpTable) get(id uintptr) (op goOp, ok bool) {
	t.RLock()
	defer t.RUnlock()
	op, ok = t.ops[id]
	return op, ok
}

var goOpCallback = sync.OnceValue(func() uintptr {
	return purego.NewCallback(func(dst tensorPtr, ith, nth int32, id uintptr) uintptr {
		if op, ok := goOps.get(id); ok {
			op.run(Tensor{op.ctx, dst}, int(ith), int(nth))
		}
		return 0
	})
})
