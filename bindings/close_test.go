package bindings

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// handles holds one of each type that owns native memory, and a small graph.
type handles struct {
	ctx     *Context
	graph   *Graph
	x, y    Tensor
	buffer  *Buffer
	alloc   *Allocator
	backend *Backend
	sched   *Scheduler
	flag    *AbortFlag
}

func newHandles(t *testing.T, lib *Lib) *handles {
	t.Helper()
	dev := cpu(t, lib)
	h := new(handles)
	var err error
	h.ctx, err = lib.NewContext(8, 8)
	must(t, err)
	h.x = h.ctx.New(gguf.F32, 4)
	h.buffer, err = h.ctx.AllocAll(dev.BufferType())
	must(t, err)
	h.y = h.ctx.Sqr(h.x)
	h.graph = h.ctx.NewGraph(8)
	h.graph.Expand(h.y)
	h.alloc = dev.BufferType().NewAllocator()
	h.backend, err = dev.NewBackend(1)
	must(t, err)
	h.sched, err = lib.NewScheduler([]*Backend{h.backend}, 8)
	must(t, err)
	h.flag = lib.NewAbortFlag()
	return h
}

func (h *handles) close(t *testing.T) {
	t.Helper()
	for _, c := range []interface{ Close() error }{h.flag, h.sched, h.alloc, h.buffer, h.ctx, h.backend} {
		must(t, c.Close())
	}
}

func TestCloseTwice(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		before := lib.Live()
		h := newHandles(t, lib)
		if n := lib.Live() - before; n != 6 {
			t.Errorf("%d handles are open, want 6", n)
		}
		h.close(t)
		h.close(t)
		if n := lib.Live() - before; n != 0 {
			t.Errorf("%d handles are open after closing all twice", n)
		}
	})
}

func TestCloseNil(t *testing.T) {
	new(handles).close(t)
}

// TestUseAfterClose closes everything and then calls every method.
func TestUseAfterClose(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		h, open := newHandles(t, lib), newHandles(t, lib)
		h.close(t)
		defer open.close(t)

		if s := open.backend.Compute(h.graph); s != Failed {
			t.Errorf("a closed graph computes: %v", s)
		}
		if s := h.backend.Compute(open.graph); s != Failed {
			t.Errorf("a closed backend computes: %v", s)
		}
		if s := h.sched.Compute(open.graph); s != Failed {
			t.Errorf("a closed scheduler computes: %v", s)
		}
		if s := open.sched.Compute(h.graph); s != Failed {
			t.Errorf("a scheduler computes a closed graph: %v", s)
		}
		if h.alloc.Alloc(open.graph) || open.alloc.Alloc(h.graph) || h.sched.Alloc(open.graph) || open.sched.Alloc(h.graph) {
			t.Error("something closed was placed, or placed something")
		}
		if open.backend.AbortOn(h.flag) || h.backend.AbortOn(open.flag) {
			t.Error("a closed flag, or backend, is watched")
		}
		h.flag.Set(true)
		h.buffer.Clear(1)
		h.buffer.MarkWeights()
		h.graph.Expand(open.y)
		open.graph.Expand(h.y)
		h.x.SetName("x")
		h.x.MarkInput()
		h.x.MarkOutput()
		for what, n := range map[string]int{
			"buffer": h.buffer.Bytes(), "allocator": h.alloc.Bytes(),
			"scheduler": h.sched.Bytes(open.backend), "backend": open.sched.Bytes(h.backend),
			"graph": h.graph.Len(), "tensor": h.x.Bytes(), "elements": h.x.Len(),
			"axes": h.x.Dims(), "name": len(h.x.Name()), "op": len(h.x.Op()),
			"padded": cpu(t, lib).BufferType().TensorBytes(h.x),
		} {
			if n != 0 {
				t.Errorf("%s: %d, want 0", what, n)
			}
		}
		if h.x.Valid() || h.x.Placed() || h.x.Contiguous() || cpu(t, lib).SupportsOp(h.y) {
			t.Error("a tensor outlives its context")
		}
		_, err := h.ctx.AllocAll(cpu(t, lib).BufferType())
		for _, err := range []error{err, Set(h.x, 0, []byte{1}), Get(h.x, 0, []byte{1}), h.buffer.Place(open.x, 0), open.buffer.Place(h.x, 0)} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("error %v, want ErrClosed", err)
			}
		}
		if h.ctx.New(gguf.F32, 1).Valid() || h.ctx.NewGraph(4).Len() != 0 {
			t.Error("a closed context makes something")
		}
	})
}

// TestOperationsOnClosed calls every operation of a closed context with open
// tensors, and of an open one with the zero tensor and with closed ones.
func TestOperationsOnClosed(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		closed, open := newHandles(t, lib), newHandles(t, lib)
		closed.close(t)
		defer open.close(t)
		for _, c := range []struct {
			ctx *Context
			x   Tensor
		}{{closed.ctx, open.x}, {open.ctx, closed.x}, {open.ctx, Tensor{}}} {
			v := reflect.ValueOf(c.ctx)
			for i := range v.NumMethod() {
				m := v.Type().Method(i)
				if m.Type.NumOut() != 1 || m.Type.Out(0) != reflect.TypeFor[Tensor]() || m.Name == "New" {
					continue
				}
				if y := call(v.Method(i), c.x); y.Valid() {
					t.Errorf("%s makes a tensor", m.Name)
				}
			}
		}
	})
}

// call calls an operation with x for each tensor and zero for the rest.
func call(method reflect.Value, x Tensor) Tensor {
	var args []reflect.Value
	for i := range method.Type().NumIn() {
		switch in := method.Type().In(i); {
		case in == reflect.TypeFor[Tensor]():
			args = append(args, reflect.ValueOf(x))
		case in == reflect.TypeFor[[]Tensor](): // variadic
			args = append(args, reflect.ValueOf(x))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	return method.Call(args)[0].Interface().(Tensor)
}

// TestMixedLibraries gives one door's handles to the other.
func TestMixedLibraries(t *testing.T) {
	one, other := newHandles(t, openDoor(t, BuiltIn)), newHandles(t, openDoor(t, SharedLibrary))
	defer one.close(t)
	defer other.close(t)
	if one.ctx.Sqr(other.x).Valid() || one.ctx.Add(one.x, other.x).Valid() {
		t.Error("an operation takes another library's tensor")
	}
	if one.backend.Compute(other.graph) != Failed || one.alloc.Alloc(other.graph) || one.backend.AbortOn(other.flag) {
		t.Error("a backend takes another library's graph or flag")
	}
	if _, err := one.ctx.lib.NewScheduler([]*Backend{other.backend}, 8); err == nil || !strings.Contains(err.Error(), "of another library") {
		t.Errorf("a scheduler takes another library's backend: %v", err)
	}
}

func TestSchedulerRefuses(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		h, closed := newHandles(t, lib), newHandles(t, lib)
		closed.close(t)
		defer h.close(t)
		before := lib.Live()
		many := make([]*Backend, maxBackends+1)
		for i := range many {
			many[i] = h.backend
		}
		for _, c := range []struct {
			backends []*Backend
			nodes    int
			want     string
		}{
			{nil, 8, "scheduler of 0 backends, want 1 to 16"},
			{many, 8, "scheduler of 17 backends, want 1 to 16"},
			{[]*Backend{h.backend, closed.backend}, 8, "backend 1: closed"},
			{[]*Backend{nil}, 8, "backend 0: closed"},
			{[]*Backend{h.backend}, 0, "scheduler for 0 nodes, want 1 to 1048576"},
			{[]*Backend{h.backend}, math.MaxInt, "want 1 to 1048576"},
		} {
			if s, err := lib.NewScheduler(c.backends, c.nodes); s != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d backends, %d nodes: %v, error %v, want one with %q", len(c.backends), c.nodes, s, err, c.want)
			}
		}
		if lib.Live() != before {
			t.Errorf("%d handles are open", lib.Live()-before)
		}
		if !h.sched.Alloc(h.graph) || h.sched.Compute(h.graph) != Success {
			t.Error("a good scheduler does not work")
		}
	})
}
