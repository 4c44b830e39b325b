// Package golden reads the results of the reference implementation and compares
// this project's results with them.
//
// A golden file is a safetensors file of F32, I32 and I64 tensors, named after
// the taps of a forward pass; scripts/oracle/golden.py writes them and lists them
// in its head. Shapes are in ggml's order, fastest axis first.
//
//	set, err := golden.Load("testdata/oracle/pg1-a/golden.safetensors")
//	c := golden.NewComparer(t, set, 1e-4)
//	// for every tap: c.Check(name, shape, values)
//	c.Done()
package golden

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
)

// maxFile is the largest golden file that Load reads, in bytes. Every committed
// file is below a megabyte.
const maxFile = 64 << 20

// A Set is the content of one golden file. It is immutable.
type Set struct {
	floats map[string]tensor[float32]
	ints   map[string]tensor[int64]
}

// A tensor is an array of a golden file.
type tensor[T any] struct {
	shape []int // fastest axis first; a scalar has no axes
	data  []T
}

// Load reads a golden file. The error names it.
func Load(path string) (*Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("golden: %w", err)
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("golden: %w", err)
	}
	s, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("golden: %s: %w", path, err)
	}
	return s, nil
}

// Names returns the names of all tensors, sorted.
func (s *Set) Names() []string {
	names := slices.Collect(maps.Keys(s.floats))
	return slices.Sorted(slices.Values(slices.AppendSeq(names, maps.Keys(s.ints))))
}

// Get returns the shape (fastest axis first) and the values of an F32 tensor. Both
// are shared with s, and nil if s has no F32 tensor of that name.
func (s *Set) Get(name string) (shape []int, data []float32) {
	t := s.floats[name]
	return t.shape, t.data
}

// Ints returns the values of an I32 or I64 tensor. They are shared with s, and nil
// if s has no such tensor of that name.
func (s *Set) Ints(name string) []int64 { return s.ints[name].data }

// An entry is a tensor as the header of a safetensors file has it.
type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"` // slowest axis first
	Offsets [2]int64 `json:"data_offsets"`
}

// widths are the sizes of an element in bytes, by dtype.
var widths = map[string]int64{"F32": 4, "I32": 4, "I64": 8}

// parse reads a whole file: the length of the header as a uint64, the header in
// JSON, the data.
func parse(file []byte) (*Set, error) {
	if len(file) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	if len(file) < 8 {
		return nil, fmt.Errorf("%d bytes, want the 8 of the header's length", len(file))
	}
	length, rest := binary.LittleEndian.Uint64(file), file[8:]
	if length > uint64(len(rest)) {
		return nil, fmt.Errorf("header of %d bytes, the file has %d left", length, len(rest))
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(rest[:length], &header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	delete(header, "__metadata__")

	entries := make(map[string]entry, len(header))
	for name, raw := range header {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("header: %q: %w", name, err)
		}
		entries[name] = e
	}
	data := rest[length:]
	if err := checkCoverage(entries, int64(len(data))); err != nil {
		return nil, err
	}

	s := &Set{map[string]tensor[float32]{}, map[string]tensor[int64]{}}
	for name, e := range entries {
		if err := s.add(name, e, data[e.Offsets[0]:e.Offsets[1]]); err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
	}
	return s, nil
}

// checkCoverage returns an error unless the tensors lie in the data one after the
// other and fill it. That also finds a name given twice, as one of its ranges is
// lost.
func checkCoverage(entries map[string]entry, size int64) error {
	order := slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		x, y := entries[a].Offsets, entries[b].Offsets
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	})
	var end int64
	for _, name := range order {
		at := entries[name].Offsets
		if at[0] != end || at[1] < at[0] || at[1] > size {
			return fmt.Errorf("%q: bytes %d to %d of %d, want them to start at %d", name, at[0], at[1], size, end)
		}
		end = at[1]
	}
	if end != size {
		return fmt.Errorf("the tensors end at byte %d of %d", end, size)
	}
	return nil
}

// add decodes the tensor of an entry from its bytes.
func (s *Set) add(name string, e entry, b []byte) error {
	width, ok := widths[e.DType]
	if !ok {
		return fmt.Errorf("dtype %q, want F32, I32 or I64", e.DType)
	}
	want, shape := width, make([]int, 0, len(e.Shape))
	for _, n := range slices.Backward(e.Shape) {
		if n < 1 || n > maxFile || want > maxFile {
			return fmt.Errorf("shape %v, want positive sizes of at most %d bytes in all", e.Shape, maxFile)
		}
		want *= n
		shape = append(shape, int(n))
	}
	if want != int64(len(b)) {
		return fmt.Errorf("shape %v of %s takes %d bytes, there are %d", e.Shape, e.DType, want, len(b))
	}

	le := binary.LittleEndian
	switch e.DType {
	case "F32":
		s.floats[name] = tensor[float32]{shape, decode(b, 4, func(b []byte) float32 { return math.Float32frombits(le.Uint32(b)) })}
	case "I32":
		s.ints[name] = tensor[int64]{shape, decode(b, 4, func(b []byte) int64 { return int64(int32(le.Uint32(b))) })}
	case "I64":
		s.ints[name] = tensor[int64]{shape, decode(b, 8, func(b []byte) int64 { return int64(le.Uint64(b)) })}
	}
	return nil
}

// decode returns the values of b, of width bytes each.
func decode[T any](b []byte, width int, value func([]byte) T) []T {
	out := make([]T, 0, len(b)/width)
	for x := range slices.Chunk(b, width) {
		out = append(out, value(x))
	}
	return out
}
