package gguf

import (
	"bytes"
	"testing"
)

// TestForget reads tensors whose pages were given back.
func TestForget(t *testing.T) {
	f, err := Open("testdata/ours.gguf")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Tensors() {
		data, err := f.Bytes(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(data)
		f.Forget(x)
		if !bytes.Equal(data, before) {
			t.Errorf("%s has other bytes after it was forgotten", x.Name)
		}
		f.Forget(Tensor{Offset: x.Offset, Size: 1 << 62})
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.Forget(Tensor{Size: 1 << 20}) // of a closed file: nothing
}
