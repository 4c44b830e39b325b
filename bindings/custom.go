package bindings

import (
	"sync"

	"github.com/ebitengine/purego"
)

// A CustomOp is code that computes a node of a graph on the CPU. ggml calls it
// from each of its threads at once.
type CustomOp struct {
	fn       callback
	userdata address
}

// CustomFromC makes an operation of a C function
// void (*)(struct ggml_tensor *dst, int ith, int nth, void *userdata)
// given by address, such as package kernels has.
func CustomFromC(fn, userdata uintptr) CustomOp { return CustomOp{callback(fn), address(userdata)} }

// NewCustomOp makes an operation of a Go function, which computes part ith of
// nth of dst. release frees it, after the graphs that use it.
func NewCustomOp(fn func(dst Tensor, ith, nth int)) (op CustomOp, release func()) {
	id := goOps.add(fn)
	return CustomOp{callback(goOpCallback()), address(id)}, func() { goOps.remove(id) }
}

// goOps is global, as the callback is: see logSinks.
var goOps = goOpTable{fns: map[uintptr]func(Tensor, int, int){}}

type goOpTable struct {
	sync.RWMutex
	next uintptr
	fns  map[uintptr]func(Tensor, int, int)
}

func (t *goOpTable) add(fn func(Tensor, int, int)) uintptr {
	t.Lock()
	defer t.Unlock()
	t.next++
	t.fns[t.next] = fn
	return t.next
}

func (t *goOpTable) remove(id uintptr) {
	t.Lock()
	defer t.Unlock()
	delete(t.fns, id)
}

func (t *goOpTable) get(id uintptr) func(Tensor, int, int) {
	t.RLock()
	defer t.RUnlock()
	return t.fns[id]
}

var goOpCallback = sync.OnceValue(func() uintptr {
	return purego.NewCallback(func(dst tensorPtr, ith, nth int32, id uintptr) uintptr {
		if fn := goOps.get(id); fn != nil {
			fn(Tensor{ptr: dst}, int(ith), int(nth))
		}
		return 0
	})
})
