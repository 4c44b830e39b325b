package nn

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
)

func TestCloseWhileInUse(t *testing.T) {
	dev := anyDoor(t)
	live := dev.Lib().Live()
	s, err := NewStore(dev, "weights", []Spec{{Name: "w", Type: gguf.F32, Shape: []int{4}}})
	must(t, err)
	b, err := NewBackend(dev, 1)
	must(t, err)
	if b.Device() != dev {
		t.Errorf("device %v, want %v", b.Device().Name(), dev.Name())
	}
	g, err := NewGraph(b, 4, nil)
	must(t, err)
	y := g.Sqr(NewWeights(s).Get("w", 4))
	must(t, g.Compile(y))

	for _, refused := range []struct {
		err  error
		want string
	}{
		{s.Close(), "nn: close weights: 1 open graphs use it"},
		{b.Close(), "nn: close backend CPU: 1 open graphs use it"},
	} {
		if refused.err == nil || refused.err.Error() != refused.want {
			t.Errorf("error %v, want %q", refused.err, refused.want)
		}
	}
	compute(t, g) // nothing was closed
	for range 2 {
		must(t, g.Close())
		must(t, s.Close())
		must(t, b.Close())
	}
	if n := dev.Lib().Live(); n != live {
		t.Errorf("%d native handles are open, want %d", n, live)
	}
	if _, err := NewGraph(b, 4, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a graph on a closed backend: error %v", err)
	}
	if s.Bytes() != 0 {
		t.Errorf("a closed store holds %d bytes", s.Bytes())
	}
	must(t, (*Graph)(nil).Close())
	must(t, (*Store)(nil).Close())
	must(t, (*Backend)(nil).Close())
}

func TestNewRefusesWrongSizes(t *testing.T) {
	dev := anyDoor(t)
	live := dev.Lib().Live()
	for _, threads := range []int{0, -1, 513} {
		if b, err := NewBackend(dev, threads); err == nil || !strings.Contains(err.Error(), strconv.Itoa(threads)+" threads, want 1 to 512") {
			t.Errorf("%d threads: backend %v, error %v", threads, b, err)
		}
	}
	b, err := NewBackend(dev, 1)
	must(t, err)
	for _, nodes := range []int{0, -5, 1 << 30} {
		if g, err := NewGraph(b, nodes, nil); err == nil {
			t.Errorf("%d nodes: graph %v, no error", nodes, g)
		}
	}
	must(t, b.Close())
	if n := dev.Lib().Live(); n != live {
		t.Errorf("%d native handles are open, want %d", n, live)
	}
}

// resident returns the memory of this process in bytes, or 0 where the system
// does not tell.
func resident(t *testing.T) int {
	debug.FreeOSMemory() // Go's garbage, of this test and of those before it
	stat, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(stat))[1])
	must(t, err)
	return pages * os.Getpagesize()
}

// TestThousandModelsLeakNothing opens and closes a thousand models.
func TestThousandModelsLeakNothing(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		file := page(1 << 20)
		model := func() {
			s, err := MapStore(dev, "weights", file, []Spec{
				{Name: "w", Type: gguf.F32, Shape: []int{64, 64}},
				{Name: "q", Type: gguf.Q4_0, Shape: []int{64, 64}, Offset: 1 << 15, Product: true},
			}, true)
			must(t, err)
			cache, err := NewStore(dev, "cache", []Spec{{Name: "k", Type: gguf.F16, Shape: []int{64, 512}}})
			must(t, err)
			b, err := NewBackend(dev, 1)
			must(t, err)
			g, err := NewGraph(b, 100, nil)
			must(t, err)
			w := NewWeights(s)
			x := g.Input("x", gguf.F32, 64, 64)
			y := g.MulMat(w.Get("q", 64, 64), g.MulMat(w.Get("w", 64, 64), x))
			g.Run(g.Copy(y, g.View(NewWeights(cache).Get("k", 64, 512), []int{0, 7}, 64, 64)))
			must(t, g.Compile(y))
			must(t, Set(g, x, make([]float32, 64*64)))
			compute(t, g)
			must(t, g.Close())
			must(t, b.Close())
			must(t, cache.Close())
			must(t, s.Close())
		}
		for range 100 {
			model()
		}
		live, before := dev.Lib().Live(), resident(t)
		for range 1000 {
			model()
		}
		if n := dev.Lib().Live(); n != live {
			t.Errorf("%d native handles after, %d before", n, live)
		}
		grown := resident(t) - before
		t.Logf("resident memory grew by %d KiB", grown>>10)
		if grown > 8<<20 {
			t.Errorf("resident memory grew by %d bytes", grown)
		}
	})
}

// TestConcurrentGraphsAgree computes one graph in 16 goroutines on one store: 8
// have a backend each, 8 share one.
func TestConcurrentGraphsAgree(t *testing.T) {
	eachDoor(t, func(t *testing.T, dev bindings.Device) {
		const d, n = 64, 5
		r := rand.New(rand.NewPCG(7, 7))
		file := page(gguf.Q8_0.RowBytes(d * d))
		must(t, dev.Lib().Quantize(gguf.Q8_0, file, normal(r, d*d), d))
		s, err := MapStore(dev, "weights", file, []Spec{{Name: "w", Type: gguf.Q8_0, Shape: []int{d, d}}}, false)
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		values := normal(r, d*n)
		shared := newBackend(t, dev, 1)

		results := make([][]float32, 16)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				b := shared
				if i%2 == 0 {
					own, err := NewBackend(dev, 1)
					if err != nil {
						t.Error(err)
						return
					}
					defer own.Close()
					b = own
				}
				y, err := modelOn(b, s, values)
				if err != nil {
					t.Error(err)
				}
				results[i] = y
			})
		}
		wg.Wait()
		for i := range results {
			if len(results[i]) == 0 || !slices.Equal(results[i], results[0]) {
				t.Errorf("goroutine %d has another result", i)
			}
		}
	})
}

// modelOn builds, computes and closes a graph of a few layers.
func modelOn(b *Backend, s *Store, values []float32) ([]float32, error) {
	g, err := NewGraph(b, 60, nil)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	x := g.Input("x", gguf.F32, 64, 5)
	y := x
	for range 8 {
		y = g.Add(y, g.Tanh(g.MulMat(NewWeights(s).Get("w", 64, 64), g.RMSNorm(y, 1e-6))))
	}
	if err := g.Compile(y); err != nil {
		return nil, err
	}
	out := make([]float32, len(values))
	for range 10 {
		if err := errors.Join(Set(g, x, values), g.Compute(context.Background()), Get(g, y, out)); err != nil {
			return nil, err
		}
	}
	return out, nil
}
