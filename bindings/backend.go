package bindings

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// A Backend is a stream of computations on one device. It computes one graph
// at a time: callers must not share it between goroutines.
type Backend struct {
	owner[backendPtr]
	device Device
}

// Close ends the stream. It is safe on nil and when closed.
func (b *Backend) Close() error {
	if b == nil {
		return nil
	}
	return b.owner.Close()
}

// Device returns the device that the backend computes on.
func (b *Backend) Device() Device { return b.device }

// Compute runs an allocated graph and waits for its end. It fails when the
// backend or g is closed.
func (b *Backend) Compute(g *Graph) Status {
	if b.isClosed() || !g.usable(b.lib) {
		return Failed
	}
	return b.lib.fn.backendCompute(b.ptr, g.ptr)
}

// AbortOn makes computations stop with Aborted at the next node once flag is
// set. It reports false if the backend cannot stop, as most GPUs cannot, or if
// the backend or the flag is closed.
func (b *Backend) AbortOn(flag *AbortFlag) bool {
	if b.isClosed() || flag.isClosed() || flag.lib != b.lib {
		return false
	}
	set := b.device.proc("ggml_backend_set_abort_callback")
	if set == 0 {
		return false
	}
	purego.SyscallN(set, uintptr(b.ptr), b.lib.addr["ggml_get_no_alloc"], uintptr(flag.ptr))
	return true
}

// An AbortFlag is a switch that ggml looks at before each node of a graph.
//
// ggml asks through a C callback, bool (*)(void *). A Go callback would cost
// a C-to-Go transition per node, and a C one cannot exist with CGO_ENABLED=0.
// So the switch is the no_alloc field of an empty ggml context, and the
// callback is ggml's own accessor of that field, which has the same signature.
type AbortFlag struct{ owner[contextPtr] }

// NewAbortFlag returns a flag that is not set. The caller must Close it, after
// the backends that watch it.
func (l *Lib) NewAbortFlag() *AbortFlag {
	f := new(AbortFlag)
	f.open(l, l.fn.init(initParams{memSize: contextSlack, noAlloc: false}), l.fn.free)
	return f
}

// Set switches the flag. It may be called while a graph is computed.
func (f *AbortFlag) Set(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ptr != 0 {
		f.lib.fn.setNoAlloc(f.ptr, on)
	}
}

// Close frees the flag. It is safe on nil and when closed.
func (f *AbortFlag) Close() error {
	if f == nil {
		return nil
	}
	return f.owner.Close()
}

// maxBackends is GGML_SCHED_MAX_BACKENDS.
const maxBackends = 16

// A Scheduler splits graphs over several backends, copying between them, and
// owns the memory of their intermediate results.
type Scheduler struct{ owner[schedPtr] }

// NewScheduler returns a scheduler for graphs of up to nodes nodes, at least 1.
// Operations go to the first backend that supports them. The last backend must
// be the CPU's, and all must be of this library. The caller must Close the
// scheduler before the backends.
func (l *Lib) NewScheduler(backends []*Backend, nodes int) (*Scheduler, error) {
	n := len(backends)
	if n < 1 || n > maxBackends {
		return nil, fmt.Errorf("bindings: scheduler of %d backends, want 1 to %d", n, maxBackends)
	}
	if nodes < 1 || nodes > contextLimit {
		return nil, fmt.Errorf("bindings: scheduler for %d nodes, want 1 to %d", nodes, contextLimit)
	}
	ptrs := make([]backendPtr, n)
	for i, b := range backends {
		switch {
		case b == nil || b.isClosed():
			return nil, fmt.Errorf("bindings: scheduler: backend %d: %w", i, ErrClosed)
		case b.lib != l:
			return nil, fmt.Errorf("bindings: scheduler: backend %d is of another library", i)
		}
		ptrs[i] = b.ptr
	}
	if last := backends[n-1].device; last.Type() != CPU {
		return nil, fmt.Errorf("bindings: scheduler: the last backend is %s, want the CPU", last.Name())
	}
	s := new(Scheduler)
	s.open(l, l.fn.schedNew(&ptrs[0], nil, int32(n), uintptr(nodes), false, false), l.fn.schedFree)
	return s, nil
}

// Alloc places g's tensors. It reports false when memory does not suffice, or
// when the scheduler or g is closed.
func (s *Scheduler) Alloc(g *Graph) bool {
	return !s.isClosed() && g.usable(s.lib) && s.lib.fn.schedAllocGraph(s.ptr, g.ptr)
}

// Compute runs the graph that Alloc placed last. It fails when the scheduler or
// g is closed.
func (s *Scheduler) Compute(g *Graph) Status {
	if s.isClosed() || !g.usable(s.lib) {
		return Failed
	}
	return s.lib.fn.schedCompute(s.ptr, g.ptr)
}

// Bytes returns how much memory s holds for intermediate results on b, one of
// its backends.
func (s *Scheduler) Bytes(b *Backend) int {
	if s.isClosed() || b.isClosed() {
		return 0
	}
	return int(s.lib.fn.schedBufferSize(s.ptr, b.ptr))
}

// Close frees the scheduler. It is safe on nil and when closed.
func (s *Scheduler) Close() error {
	if s == nil {
		return nil
	}
	return s.owner.Close()
}
