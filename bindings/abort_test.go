package bindings

import (
	"testing"
	"time"

	"github.com/pgcli/paligemma/gguf"
)

// slowGraph is a chain of matrix products, each well under a millisecond.
func slowGraph(t *testing.T, lib *Lib, nodes int) (g *Graph, free func()) {
	t.Helper()
	const n = 256
	inputs, err := lib.NewContext(1, 0)
	must(t, err)
	a := inputs.New(gguf.F32, n, n)
	buffer, err := inputs.AllocAll(cpu(t, lib).BufferType())
	must(t, err)
	buffer.Clear(0)
	c, err := lib.NewContext(2*nodes, nodes)
	must(t, err)
	x := a
	g = c.NewGraph(nodes)
	for range nodes {
		x = c.MulMat(a, x)
		g.Expand(x) // at each node: at the end it would call itself for each, which takes more stack than Windows gives
	}
	alloc := cpu(t, lib).BufferType().NewAllocator()
	if !alloc.Alloc(g) {
		t.Fatal("no memory")
	}
	return g, func() {
		for _, h := range []interface{ Close() error }{alloc, c, buffer, inputs} {
			must(t, h.Close())
		}
	}
}

// TestAbort stops a running graph from another goroutine. The first attempt that
// is fast enough counts: other programs may keep the processors busy.
func TestAbort(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		g, free := slowGraph(t, lib, 40000)
		defer free()
		b, err := cpu(t, lib).NewBackend(2)
		must(t, err)
		defer b.Close()
		flag := lib.NewAbortFlag()
		defer flag.Close()
		if !b.AbortOn(flag) {
			t.Fatal("the CPU cannot be aborted")
		}

		const limit, attempts = 100 * time.Millisecond, 20
		fastest := time.Hour
		for n := 0; n < attempts && fastest > limit; n++ {
			fastest = min(fastest, timeAbort(t, b, g, flag))
		}
		t.Logf("aborted after %v", fastest)
		if fastest > limit {
			t.Errorf("it took %v to abort, want at most %v", fastest, limit)
		}

		// While the flag is set nothing computes; afterwards everything does.
		short, freeShort := slowGraph(t, lib, 2)
		defer freeShort()
		flag.Set(true)
		if s := b.Compute(short); s != Aborted {
			t.Errorf("with the flag set: %v, want aborted", s)
		}
		flag.Set(false)
		if s := b.Compute(short); s != Success {
			t.Errorf("with the flag cleared: %v, want success", s)
		}
	})
}

// timeAbort starts g, sets flag from this goroutine, and returns how long g
// took to end from then on.
func timeAbort(t *testing.T, b *Backend, g *Graph, flag *AbortFlag) time.Duration {
	t.Helper()
	flag.Set(false)
	status := make(chan Status)
	go func() { status <- b.Compute(g) }()
	select {
	case s := <-status:
		t.Fatalf("the graph ended before it could be aborted: %v", s)
	case <-time.After(100 * time.Millisecond):
	}
	start := time.Now()
	flag.Set(true)
	if s := <-status; s != Aborted {
		t.Errorf("status %v, want aborted", s)
	}
	return time.Since(start)
}
