package gguf

import (
	"math"
	"strings"
	"testing"
)

// TestTypes compares the table with the Python package's.
func TestTypes(t *testing.T) {
	var want map[string]struct {
		Value        Type
		Block, Bytes int
	}
	readJSON(t, "types.json", &want)
	for name, w := range want {
		got, err := ParseType(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if got != w.Value || got.BlockSize() != w.Block || got.BlockBytes() != w.Bytes {
			t.Errorf("%s: value %d, block %d, bytes %d, want %+v", name, got, got.BlockSize(), got.BlockBytes(), w)
		}
	}
	n := 0
	for x := range Type(len(formats)) {
		if !x.Valid() {
			if x.BlockSize() != 0 || x.BlockBytes() != 0 || !strings.HasPrefix(x.String(), "type(") {
				t.Errorf("gap %d has a format", x)
			}
			continue
		}
		n++
		if back, err := ParseType(x.String()); back != x || err != nil {
			t.Errorf("ParseType(%q) = %v, %v", x.String(), back, err)
		}
	}
	if n != len(want)+1 { // Q8_1, see the script
		t.Errorf("%d types, want %d", n, len(want)+1)
	}
	if Q8_1.BlockSize() != 32 || Q8_1.BlockBytes() != 36 { // two half scales, 32 bytes
		t.Errorf("Q8_1: %d in %d bytes", Q8_1.BlockSize(), Q8_1.BlockBytes())
	}
	if _, err := ParseType("q4_k_m"); err == nil {
		t.Error("ParseType accepts a mix as a type")
	}
}

func TestTypeSize(t *testing.T) {
	one := 1 // shifted at run time, so that the test compiles with 32-bit ints
	for _, c := range []struct {
		t     Type
		shape []int
		size  int64
		err   string
	}{
		{F32, nil, 4, ""},
		{F16, []int{3}, 6, ""},
		{Q4_0, []int{64, 3}, 108, ""},
		{Q6_K, []int{256, 2, 3, 4}, 5040, ""},
		{I8, []int{math.MaxInt}, math.MaxInt, ""},
		{Q8_0, nil, 0, "not a multiple of the 32"},
		{Q4_K, []int{1152, 2}, 0, "rows of 1152 elements are not a multiple of the 256 in a block of q4_K"},
		{F32, []int{2, 0}, 0, "dimension 1 of shape [2 0] is not positive"},
		{F32, []int{-1}, 0, "not positive"},
		{Q8_0, []int{-32}, 0, "not positive"},
		{F32, []int{1, 1, 1, 1, 1}, 0, "5 dimensions"},
		{F32, []int{one << 30, one << 30, 4}, 0, "overflows"},
		{IQ1_S, []int{one << 30, one << 30, 8}, 0, "overflows"}, // 2^63 elements, but fewer bytes
		{Type(4), []int{1}, 0, "tensor type 4 is unknown"},
		{Type(math.MaxUint32), []int{1}, 0, "unknown"},
	} {
		size, err := c.t.Size(c.shape...)
		if size != c.size || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%v.Size(%v) = %d, %v; want %d, %q", c.t, c.shape, size, err, c.size, c.err)
		}
	}
	if n := Q8_0.RowBytes(1152); n != 1224 {
		t.Errorf("RowBytes = %d", n)
	}
}
