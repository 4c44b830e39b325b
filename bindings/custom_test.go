package bindings

import (
	"slices"
	"sync"
	"testing"

	"github.com/ebitengine/purego"

	"github.com/pgcli/paligemma/gguf"
)

// TestCustomOp computes 2x + y in a Go function that has an address in C, cut
// into parts by row.
func TestCustomOp(t *testing.T) {
	const n, rows = 33, 13
	in := []array{random(gguf.F32, n, rows)(newRand()), random(gguf.F32, n, rows)(newRand())}
	var mu sync.Mutex
	var ran [][2]int
	var runs []func(dst tensorPtr, ith, nth int) // by userdata
	fn := purego.NewCallback(func(dst tensorPtr, ith, nth int32, userdata uintptr) uintptr {
		mu.Lock()
		ran = append(ran, [2]int{int(ith), int(nth)})
		run := runs[userdata]
		mu.Unlock()
		run(dst, int(ith), int(nth))
		return 0
	})
	eachDoor(t, func(t *testing.T, lib *Lib) {
		for _, c := range []struct{ threads, tasks, parts int }{{1, 1, 1}, {1, -1, 1}, {2, -1, 2}, {4, 3, 3}, {4, -1, 4}, {3, 8, 3}} {
			ran = nil
			got := compute(t, lib, c.threads, in, gguf.F32, func(ctx *Context, x []Tensor) Tensor {
				// The operands pass through an operation first, so that they
				// are made in the same graph.
				a, b := ctx.Scale(x[0], 2, 0), x[1]
				runs = append(runs, func(dst tensorPtr, ith, nth int) {
					for r := ith; r < rows; r += nth {
						addRow(t, Tensor{ctx, dst}, a, b, r*n*4, n)
					}
				})
				return ctx.Custom(CustomFromC(fn, uintptr(len(runs)-1)), gguf.F32, [4]int64{n, rows, 1, 1}, c.tasks, a, b)
			})
			want := fill([4]int{n, rows, 1, 1}, func(i, j, _, _ int) float64 {
				return float64(float32(2*in[0].at(i, j, 0, 0)) + float32(in[1].at(i, j, 0, 0)))
			})
			if _, err := (tolerance{}).compare(got, want); err != nil {
				t.Errorf("%d threads, %d tasks: %v", c.threads, c.tasks, err)
			}
			slices.SortFunc(ran, func(a, b [2]int) int { return a[0] - b[0] })
			if len(ran) != c.parts {
				t.Errorf("%d threads, %d tasks: ran %v, want %d parts", c.threads, c.tasks, ran, c.parts)
			}
			for i, part := range ran {
				if part != [2]int{i, c.parts} {
					t.Errorf("%d threads, %d tasks: part %d is %v, want [%d %d]", c.threads, c.tasks, i, part, i, c.parts)
				}
			}
		}
	})
}

// addRow adds n values of a and b at offset into dst. It runs on ggml's
// threads, where a test must not be stopped.
func addRow(t *testing.T, dst, a, b Tensor, offset, n int) {
	p, q := make([]float32, n), make([]float32, n)
	if err := Get(a, offset, p); err != nil {
		t.Error(err)
	}
	if err := Get(b, offset, q); err != nil {
		t.Error(err)
	}
	for i := range p {
		p[i] += q[i]
	}
	if err := Set(dst, offset, p); err != nil {
		t.Error(err)
	}
}
