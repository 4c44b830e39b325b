package bindings

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(3, 1)) }

// TestGraphsInParallel computes a graph of its own in each of 8 goroutines,
// with weights that all share, and logs meanwhile.
func TestGraphsInParallel(t *testing.T) {
	const goroutines, times = 8, 5
	eachDoor(t, func(t *testing.T, lib *Lib) {
		dev := cpu(t, lib)
		w := random(gguf.Q8_0, 256, 64)(newRand())
		weights, err := lib.NewContext(1, 0)
		must(t, err)
		defer weights.Close()
		shared := weights.New(gguf.Q8_0, 256, 64)
		buffer, err := weights.AllocAll(dev.BufferType())
		must(t, err)
		defer buffer.Close()
		must(t, Set(shared, 0, w.raw))

		before := lib.Live()
		var wg sync.WaitGroup
		for i := range goroutines {
			x := random(gguf.F32, 256, 4+i)(newRand())
			want := products(asQ8_0)([]array{w, x})
			wg.Go(func() {
				for range times {
					got := compute(t, lib, 2, []array{x}, gguf.F32, func(c *Context, in []Tensor) Tensor {
						return c.MulMat(shared, in[0])
					})
					if _, err := ofRMS(1e-6).compare(got, want); err != nil {
						t.Errorf("goroutine %d: %v", i, err)
					}
					lib.SetLogger(nil)
				}
			})
		}
		wg.Wait()
		if n := lib.Live() - before; n != 0 {
			t.Errorf("%d handles are open", n)
		}
	})
}

// TestOpenInParallel opens the same library from many goroutines.
func TestOpenInParallel(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				again := openDoor(t, lib.Door())
				if again != lib || len(again.Devices()) == 0 {
					t.Error("another library, or one without devices")
				}
			})
		}
		wg.Wait()
	})
}
