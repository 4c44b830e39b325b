package bindings

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// wants checks that err has the part.
func wants(t *testing.T, what string, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("%s: error %v, want %q in it", what, err, part)
	}
}

func TestDevices(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		dev := cpu(t, lib)
		same, err := lib.Device(strings.ToLower(dev.Name()))
		must(t, err)
		if same != dev || dev.Lib() != lib || dev.Type() != CPU || dev.Backend() != "CPU" || dev.Description() == "" {
			t.Errorf("device %q, backend %q, %v, %q", same.Name(), dev.Backend(), dev.Type(), dev.Description())
		}
		if free, total := dev.Memory(); total < 1<<20 || free > total {
			t.Errorf("%d of %d bytes are free", free, total)
		}
		if len(dev.Features()) == 0 {
			t.Error("the CPU lists no features")
		}
		if !dev.SupportsBuffer(dev.BufferType()) || !dev.BufferType().Host() {
			t.Error("the CPU cannot read its own memory")
		}
		for _, extra := range dev.ExtraBufferTypes() {
			if extra.Name() == "" {
				t.Error("an extra memory has no name")
			}
		}
		for _, name := range []string{"", "GPU99", "CPU\x00", "cpu0"} {
			_, err := lib.Device(name)
			wants(t, name, err, dev.Name())
		}
		for _, threads := range []int{0, -1, math.MinInt, maxThreads + 1, math.MaxInt} {
			_, err := dev.NewBackend(threads)
			wants(t, "threads", err, "want 1 to 512")
		}
		b, err := dev.NewBackend(maxThreads)
		must(t, err)
		must(t, b.Close())
	})
}

func TestTypes(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		for _, typ := range known {
			if got := lib.fn.typeName(typ); got != typ.String() {
				t.Errorf("type %d is %s in ggml, %v here", typ, got, typ)
			}
			if got := lib.fn.isQuantized(typ); got != typ.Quantized() {
				t.Errorf("%v: quantized is %v in ggml", typ, got)
			}
			if got := lib.fn.rowSize(typ, 768); int(got) != typ.RowBytes(768) {
				t.Errorf("%v: 768 elements are %d bytes in ggml, %d here", typ, got, typ.RowBytes(768))
			}
		}
	})
	if x := gguf.Type(99); Known(x) || x.String() != "type(99)" || x.RowBytes(32) != 0 || x.Quantized() {
		t.Error("type 99 is known")
	}
}

func TestTensorAccessors(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		c, err := lib.NewContext(8, 0)
		must(t, err)
		defer c.Close()
		x := c.New(gguf.Q8_0, 64, 3, 2)
		x.SetName(strings.Repeat("n", 100))
		if x.Bytes() != 408 || x.Len() != 384 || x.Dims() != 3 || x.ElementBytes() != 34 || x.Op() != "NONE" || len(x.Name()) != 63 {
			t.Errorf("%d bytes, %d elements, %d axes, %d per block, %s, name of %d",
				x.Bytes(), x.Len(), x.Dims(), x.ElementBytes(), x.Op(), len(x.Name()))
		}
		y := c.Transpose(c.New(gguf.F32, 5, 3))
		if !x.Contiguous() || y.Contiguous() || !x.ContiguousRows() || y.ContiguousRows() || y.Op() != "TRANSPOSE" {
			t.Error("ggml and the accessors see different layouts")
		}
		if !y.SameShape(c.New(gguf.F32, 3, 5)) || y.SameStride(c.New(gguf.F32, 3, 5)) || !x.SameStride(c.New(gguf.Q8_0, 64, 3, 2)) {
			t.Error("shapes or strides compare wrongly")
		}
		if c.Bytes() == 0 || x.Placed() {
			t.Errorf("%d bytes of descriptions, placed %v", c.Bytes(), x.Placed())
		}
	})
}

func TestNewRefuses(t *testing.T) {
	lib := anyDoor(t)
	for _, n := range [][2]int{{-1, 0}, {0, -1}, {contextLimit + 1, 0}, {0, math.MaxInt}} {
		_, err := lib.NewContext(n[0], n[1])
		wants(t, "context", err, "want 0 to")
	}
	c, err := lib.NewContext(8, 0)
	must(t, err)
	defer c.Close()
	for name, x := range map[string]Tensor{
		"no axes": c.New(gguf.F32), "five axes": c.New(gguf.F32, 1, 1, 1, 1, 1), "negative axis": c.New(gguf.F32, 4, -1),
		"unknown type": c.New(gguf.Type(99), 4), "removed type": c.New(gguf.Type(4), 32), "part of a block": c.New(gguf.Q4_K, 128),
	} {
		if x.Valid() {
			t.Errorf("%s: made a tensor of %d bytes", name, x.Bytes())
		}
	}
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
