package gguf

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
)

// FuzzOpen opens arbitrary bytes. A file that opens must be readable to the end,
// and the writer must accept it and produce a file with the same content.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(head(0, 0)))
	f.Add([]byte(head(1, 1).text("a").u32(9).u32(8).u64(2).text("x").text("▁y").tensor("t", Q4_0, 0, 32, 2).data(64)))
	f.Add([]byte(head(2, 2).text(alignmentKey).u32(4).u32(8).text("b").u32(7).u8(1).tensor("t", F32, 0).tensor("u", I8, 8, 3).data(64)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var in *File
		var err error
		allocation.Bound(t, len(data), func() { in, err = New(bytes.NewReader(data), int64(len(data))) })
		if err != nil {
			return
		}
		readAll(t, in)
		var buf bytes.Buffer
		copyFile(t, NewWriter(&buf), in)
		out, err := New(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
		if err != nil {
			t.Fatalf("the copy does not open: %v", err)
		}
		sameContent(t, out, in)
	})
}

// copyFile writes everything in f to w.
func copyFile(t *testing.T, w *Writer, f *File) {
	t.Helper()
	for _, k := range f.Keys() {
		v, err := f.Value(k.Name)
		if err != nil {
			t.Fatal(err)
		}
		w.Add(k.Name, v)
	}
	for _, x := range f.Tensors() {
		w.AddTensor(x.Name, x.Type, x.Shape...)
	}
	if err := w.WriteHeader(); err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Tensors() {
		data, err := f.Bytes(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteTensor(x.Name, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}

// sameContent compares keys, values, tensors and data, in order; offsets and
// versions may differ. Values are compared by their bits, so that NaN is equal
// to itself.
func sameContent(t *testing.T, got, want *File) {
	t.Helper()
	gk, wk := got.Keys(), want.Keys()
	gt, wt := got.Tensors(), want.Tensors()
	if len(gk) != len(wk) || len(gt) != len(wt) {
		t.Fatalf("%d keys, %d tensors, want %d, %d", len(gk), len(gt), len(wk), len(wt))
	}
	for i, k := range wk {
		a, errA := got.Value(k.Name)
		b, errB := want.Value(k.Name)
		if errA != nil || errB != nil || gk[i].Name != k.Name || reflect.TypeOf(a) != reflect.TypeOf(b) || !reflect.DeepEqual(spell(a), spell(b)) {
			t.Fatalf("key %q: %v, %v; want %v, %v", k.Name, a, errA, b, errB)
		}
	}
	for i, x := range wt {
		a, errA := got.Bytes(x.Name)
		b, errB := want.Bytes(x.Name)
		same := gt[i].Name == x.Name && gt[i].Type == x.Type && reflect.DeepEqual(gt[i].Shape, x.Shape) && bytes.Equal(a, b)
		if errA != nil || errB != nil || !same {
			t.Fatalf("tensor %+v, %v; want %+v, %v", gt[i], errA, x, errB)
		}
	}
}
