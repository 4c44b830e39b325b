package bindings

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

func TestTensorAccessors(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		c, err := lib.NewContext(8, 0)
		must(t, err)
		defer c.Close()
		x := c.New(gguf.Q8_0, 64, 3, 2)
		x.SetName(strings.Repeat("n", 100))
		if x.Bytes() != 408 || x.Len() != 384 || x.Dims() != 3 || x.Op() != "NONE" || len(x.Name()) != 63 {
			t.Errorf("%d bytes, %d elements, %d axes, %s, name of %d",
				x.Bytes(), x.Len(), x.Dims(), x.Op(), len(x.Name()))
		}
		y := c.Permute(c.New(gguf.F32, 5, 3), [4]int32{1, 0, 2, 3}) // [3, 5]
		if !x.Contiguous() || y.Contiguous() || !x.ContiguousRows() || y.ContiguousRows() || y.Op() != "PERMUTE" {
			t.Error("ggml and the accessors see different layouts")
		}
		if x.Placed() {
			t.Error("a tensor without memory is placed")
		}
	})
}

func TestSetAndGetRanges(t *testing.T) {
	lib := anyDoor(t)
	c, err := lib.NewContext(2, 0)
	must(t, err)
	defer c.Close()
	x := c.New(gguf.F32, 4)
	wants(t, "no memory", Set(x, 0, []float32{1}), "no memory yet")
	buffer, err := c.AllocAll(cpu(t, lib).BufferType())
	must(t, err)
	defer buffer.Close()
	must(t, Set(x, 0, []float32{1, 2, 3, 4}))
	for offset, n := range map[int]int{-4: 1, 16: 1, 4: 4, 0: 5, math.MaxInt: 1, math.MinInt: 4} {
		wants(t, "set", Set(x, offset, make([]float32, n)), "of a tensor of 16")
		wants(t, "get", Get(x, offset, make([]float32, n)), "of a tensor of 16")
	}
	must(t, Get(x, 99, []float32{})) // nothing, anywhere
	got := make([]float32, 2)
	must(t, Get(x, 8, got))
	if got[0] != 3 || got[1] != 4 {
		t.Errorf("bytes 8 to 16 are %v, want 3 and 4", got)
	}
	if !errors.Is(Set(Tensor{}, 0, got), ErrClosed) || !errors.Is(Get(Tensor{}, 0, got), ErrClosed) {
		t.Error("the zero tensor takes or gives data")
	}
	_, err = c.AllocAll(cpu(t, lib).BufferType())
	wants(t, "nothing left to place", err, "no tensor to place")
}
