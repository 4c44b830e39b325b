package gguf

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
)

// Everything that the reader refuses, the writer refuses, by name.
func TestWriterRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		declare func(*Writer)
		want    string
	}{
		"int":            {func(w *Writer) { w.Add("k", 1) }, `key "k": metadata cannot hold a int`},
		"nil":            {func(w *Writer) { w.Add("k", nil) }, "cannot hold a <nil>"},
		"nested":         {func(w *Writer) { w.Add("k", [][]uint8{{1}}) }, "cannot hold a [][]uint8"},
		"key empty":      {func(w *Writer) { w.Add("", uint8(1)) }, "name is empty"},
		"key not UTF-8":  {func(w *Writer) { w.Add("\xff", uint8(1)) }, "name is not UTF-8"},
		"key zero byte":  {func(w *Writer) { w.Add("a\x00", uint8(1)) }, "zero byte"},
		"key long":       {func(w *Writer) { w.Add(strings.Repeat("k", MaxKeyLen+1), uint8(1)) }, "65536 bytes is longer"},
		"key twice":      {func(w *Writer) { w.Add("k", true); w.Add("k", true) }, `key "k": declared twice`},
		"text":           {func(w *Writer) { w.Add("k", "\xc3") }, "string 0 is not UTF-8"},
		"text in array":  {func(w *Writer) { w.Add("k", []string{"a", "\xc3"}) }, "string 1 is not UTF-8"},
		"text long":      {func(w *Writer) { w.Add("k", strings.Repeat(" ", maxString+1)) }, "67108865 bytes"},
		"alignment":      {func(w *Writer) { w.Add(alignmentKey, uint32(33)) }, "alignment 33 is not"},
		"alignment type": {func(w *Writer) { w.Add(alignmentKey, int32(32)) }, "value is a int32, must be a uint32"},
		"tensor empty":   {func(w *Writer) { w.AddTensor("", F32, 1) }, "name is empty"},
		"tensor long":    {func(w *Writer) { w.AddTensor(strings.Repeat("t", 64), F32, 1) }, "64 bytes is longer than 63"},
		"tensor twice":   {func(w *Writer) { w.AddTensor("t", F32, 1); w.AddTensor("t", F32, 1) }, `tensor "t": declared twice`},
		"tensor type":    {func(w *Writer) { w.AddTensor("t", 31, 1) }, "tensor type 31 is unknown"},
		"tensor rows":    {func(w *Writer) { w.AddTensor("t", Q6_K, 1152) }, "rows of 1152"},
		"tensor shape":   {func(w *Writer) { w.AddTensor("t", F32, 1, 0) }, "dimension 1 of shape [1 0]"},
		"5 dimensions":   {func(w *Writer) { w.AddTensor("t", F32, 1, 1, 1, 1, 1) }, "5 dimensions"},
		"too large": {func(w *Writer) {
			w.AddTensor("t", I8, 1<<30, 1<<30, 4)
			w.AddTensor("u", I8, 1<<30, 1<<30, 4)
		}, `tensor "u": the file would be larger`},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWriter(io.Discard)
			c.declare(w)
			w.Add("later", true) // must not hide the first error
			err := w.WriteHeader()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if again := w.Finish(); again != err {
				t.Errorf("Finish: %v", again)
			}
		})
	}
}

func TestTensorWriterErrors(t *testing.T) {
	w := begun(t, NewWriterAt(&memory{}))
	wantError(t, w.WriteTensor("c", nil), `tensor "c": not declared`)
	wantError(t, w.Finish(), `tensor "a": declared, but not written`)
	wantError(t, w.WriteTensor("a", make([]byte, 11)), `tensor "a": 1 bytes too many, its size is 10`)
	wantError(t, w.WriteTensor("a", make([]byte, 10)), `tensor "a": started twice`)
	wantError(t, w.Finish(), `tensor "a": not closed`)

	w = begun(t, NewWriterAt(&memory{}))
	wantError(t, w.WriteTensor("a", make([]byte, 9)), `tensor "a": closed after 9 of 10 bytes`)
	if err := w.WriteTensor("b", make([]byte, 4)); err != nil {
		t.Error(err)
	}
	wantError(t, w.Finish(), `tensor "a": not closed`)

	w = begun(t, NewWriter(io.Discard))
	wantError(t, w.WriteTensor("b", make([]byte, 4)), `tensor "b": out of order, tensor "a" comes first`)
	if err := w.WriteTensor("a", make([]byte, 10)); err != nil {
		t.Error(err)
	}
	wantError(t, w.Finish(), `tensor "b": declared, but not written`)
	tw, err := w.Tensor("b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(make([]byte, 4)); err != nil {
		t.Error(err)
	}
	if err := errors.Join(tw.Close(), w.Finish()); err != nil {
		t.Error(err)
	}
	_, err = tw.Write(nil)
	wantError(t, err, "written after Close")
	wantError(t, w.WriteTensor("a", nil), `tensor "a": started twice`)
}

// TestFullDisk fails at every byte of a small file: some call must say so, and
// Finish must never succeed.
func TestFullDisk(t *testing.T) {
	whole := &memory{}
	w := begun(t, NewWriterAt(whole))
	if err := errors.Join(w.WriteTensor("a", make([]byte, 10)), w.WriteTensor("b", make([]byte, 4)), w.Finish()); err != nil {
		t.Fatal(err)
	}
	for limit := 1; limit < len(whole.data); limit++ {
		w := NewWriterAt(&memory{limit: limit})
		w.AddTensor("a", I8, 10)
		w.AddTensor("b", F32, 1)
		err := errors.Join(w.WriteHeader(), w.WriteTensor("a", make([]byte, 10)), w.WriteTensor("b", make([]byte, 4)))
		if !errors.Is(err, errFull) || !errors.Is(w.Finish(), errFull) {
			t.Fatalf("limit %d: %v, %v", limit, err, w.Finish())
		}
	}
}

func TestShortWrite(t *testing.T) {
	if err := NewWriter(&shortWriter{on: true}).WriteHeader(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("header: %v", err)
	}
	out := &shortWriter{}
	w := begun(t, NewWriter(out))
	out.on = true
	if err := w.WriteTensor("a", make([]byte, 10)); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("tensor: %v", err)
	}
}

// shortWriter breaks the contract of io.Writer when on: it takes less without
// an error.
type shortWriter struct{ on bool }

func (s *shortWriter) Write(p []byte) (int, error) {
	if s.on {
		return len(p) / 2, nil
	}
	return len(p), nil
}

// TestMaxTensors: a file of many tensors is refused before they are read, and not
// written.
func TestMaxTensors(t *testing.T) {
	file := head(MaxTensors+1, 0).data((MaxTensors + 1) * minTensorBytes)
	_, err := New(bytes.NewReader(file), int64(len(file)))
	wantError(t, err, "65537 tensors, at most 65536 are read")
	w := NewWriter(io.Discard)
	for i := range MaxTensors + 1 {
		w.AddTensor(strconv.Itoa(i), F32, 1)
	}
	wantError(t, w.WriteHeader(), "there are 65536 tensors already")
}

// TestMaxKeys is TestMaxTensors for keys.
func TestMaxKeys(t *testing.T) {
	file := head(0, MaxKeys+1).data((MaxKeys + 1) * minKeyBytes)
	_, err := New(bytes.NewReader(file), int64(len(file)))
	wantError(t, err, "65537 keys, at most 65536 are read")
	w := NewWriter(io.Discard)
	for i := range MaxKeys + 1 {
		w.Add(strconv.Itoa(i), true)
	}
	wantError(t, w.WriteHeader(), "there are 65536 keys already")
}
