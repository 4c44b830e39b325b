package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/pgcli/paligemma/internal/testrace"
)

// memory is an [io.WriterAt] that counts the bytes it is given, and fails after
// limit bytes, like a full disk, when limit is not 0.
type memory struct {
	mu    sync.Mutex
	data  []byte
	total int
	limit int
}

var errFull = errors.New("disk full")

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	end := int(off) + len(p)
	if m.limit > 0 && end > m.limit {
		return 0, errFull
	}
	if end > len(m.data) {
		m.data = append(m.data, bytes.Repeat([]byte{0xaa}, end-len(m.data))...) // bytes that nobody writes are not zero
	}
	m.total += len(p)
	return copy(m.data[off:], p), nil
}

// TestRoundTrip writes random content front to back and at random by several
// goroutines; both must give the same bytes, and read back as declared.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(testrace.Share(40)) {
		rng := rand.New(rand.NewPCG(seed, 1))
		declare, payload := randomContent(rng)

		var stream bytes.Buffer
		w := NewWriter(&stream)
		declare(w)
		if err := w.WriteHeader(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, x := range w.tensors {
			writePieces(t, rng, w, x.Name, payload[i])
		}
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}

		mem := &memory{}
		w = NewWriterAt(mem)
		declare(w)
		if err := w.WriteHeader(); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, i := range rng.Perm(len(w.tensors)) {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			wg.Go(func() { writePieces(t, rng, w, w.tensors[i].Name, payload[i]) })
		}
		wg.Wait()
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(mem.data, stream.Bytes()) {
			t.Fatalf("seed %d: the two writers differ", seed)
		}
		if mem.total != len(mem.data) {
			t.Errorf("seed %d: %d bytes written to a file of %d", seed, mem.total, len(mem.data))
		}
		checkContent(t, stream.Bytes(), w, payload)
	}
}

// checkContent compares a file with the declarations of w and with the payloads.
func checkContent(t *testing.T, file []byte, w *Writer, payload [][]byte) {
	t.Helper()
	f := openBytes(t, file)
	if int64(len(file))%f.Alignment() != 0 {
		t.Errorf("%d bytes are not padded to %d", len(file), f.Alignment())
	}
	keys, tensors := f.Keys(), f.Tensors()
	if len(keys) != len(w.keys) || len(tensors) != len(w.tensors) {
		t.Fatalf("%d keys, %d tensors, want %d, %d", len(keys), len(tensors), len(w.keys), len(w.tensors))
	}
	for i, k := range w.keys {
		got, err := f.Value(k.name)
		a, b := fmt.Sprintf("%s %T %q", keys[i].Name, got, spell(got)), fmt.Sprintf("%s %T %q", k.name, k.value, spell(k.value))
		if err != nil || a != b {
			t.Errorf("got %s, %v\nwant %s", a, err, b)
		}
	}
	end := f.DataOffset()
	for i, x := range w.tensors {
		got, err := f.Bytes(x.Name)
		if err != nil || !bytes.Equal(got, payload[i]) || fmt.Sprint(tensors[i]) != fmt.Sprint(x.Tensor) {
			t.Errorf("got %+v, %v\nwant %+v", tensors[i], err, x.Tensor)
		}
		if tensors[i].Offset != end { // ggml wants no gaps
			t.Errorf("%s at %d, want %d", x.Name, tensors[i].Offset, end)
		}
		end = alignUp(end+x.Size, f.Alignment())
	}
}

// randomContent returns a function that declares a random file, and the data
// of its tensors.
func randomContent(rng *rand.Rand) (declare func(*Writer), payload [][]byte) {
	type tensor struct {
		typ   Type
		shape []int
	}
	var values []any
	for range rng.IntN(20) {
		n := rng.IntN(5)
		values = append(values, []any{
			uint8(rng.Uint32()), int16(rng.Uint32()), rng.Uint32(), rng.Int64(), rng.Float32(), rng.NormFloat64(), n > 2,
			strings.Repeat("é", n*7000), make([]uint64, n), make([]int8, n), make([]bool, n*100), make([]float32, n*30000),
			strings.Split(strings.Repeat("▁piece ", n*9), " "),
		}[rng.IntN(13)])
	}
	var tensors []tensor
	for range rng.IntN(12) {
		x := tensor{typ: Type(rng.IntN(len(formats)))}
		for !x.typ.Valid() {
			x.typ = Type(rng.IntN(len(formats)))
		}
		for range 1 + rng.IntN(MaxDims) {
			x.shape = append(x.shape, 1+rng.IntN(4))
		}
		x.shape[0] *= x.typ.BlockSize()
		size, err := x.typ.Size(x.shape...)
		if err != nil {
			panic(err)
		}
		data := pattern(fmt.Sprint("tensor", rng.Uint64()), size)
		tensors, payload = append(tensors, x), append(payload, data)
	}
	align := uint32(8 << rng.IntN(6))
	return func(w *Writer) {
		for i, x := range tensors {
			w.AddTensor(fmt.Sprintf("blk.%d.weight", i), x.typ, x.shape...)
		}
		for i, v := range values {
			w.Add(fmt.Sprintf("key.%d", i), v)
		}
		w.Add(alignmentKey, align)
	}, payload
}

// writePieces writes data in random pieces.
func writePieces(t *testing.T, rng *rand.Rand, w *Writer, name string, data []byte) {
	tw, err := w.Tensor(name)
	if err != nil {
		t.Error(err)
		return
	}
	if tw.Size() != int64(len(data)) {
		t.Errorf("%s: size %d, want %d", name, tw.Size(), len(data))
	}
	for len(data) > 0 {
		n := 1 + rng.IntN(len(data))
		if _, err := tw.Write(data[:n]); err != nil {
			t.Error(err)
			return
		}
		data = data[n:]
	}
	if err := tw.Close(); err != nil {
		t.Error(err)
	}
	if err := tw.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// begun returns a Writer after its header, with tensors a (10 bytes) and b (4).
func begun(t *testing.T, w *Writer) *Writer {
	t.Helper()
	w.AddTensor("a", I8, 10)
	w.AddTensor("b", F32, 1)
	if err := w.WriteHeader(); err != nil {
		t.Fatal(err)
	}
	return w
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPhases(t *testing.T) {
	w := NewWriter(io.Discard)
	wantError(t, w.Finish(), "header is not written")
	_, err := w.Tensor("a")
	wantError(t, err, "header is not written")
	for name, late := range map[string]func(*Writer){
		`key "k": declared after`:    func(w *Writer) { w.Add("k", true) },
		`tensor "t": declared after`: func(w *Writer) { w.AddTensor("t", F32) },
		"written twice":              func(w *Writer) { _ = w.WriteHeader() },
	} {
		w := NewWriter(io.Discard)
		if err := w.WriteHeader(); err != nil {
			t.Fatal(err)
		}
		late(w)
		wantError(t, w.Finish(), name)
	}
}
