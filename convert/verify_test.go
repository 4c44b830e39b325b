package convert

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// TestVerifyFindsEveryChange changes a byte of a tensor, of the metadata, and of a
// description: the verification finds each.
func TestVerifyFindsEveryChange(t *testing.T) {
	data := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	file := func(value uint32, typ gguf.Type, data []byte) *gguf.File {
		var b bytes.Buffer
		w := gguf.NewWriter(&b)
		w.Add("key", value)
		w.AddTensor("x", typ, len(data)/typ.BlockBytes())
		if err := w.WriteHeader(); err != nil {
			t.Fatal(err)
		}
		if err := w.WriteTensor("x", data); err != nil {
			t.Fatal(err)
		}
		f, err := gguf.New(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	out := Output{Metadata: []KV{{"key", uint32(7)}}, Tensors: []TensorPlan{{Name: "x", Type: gguf.F16, Shape: []int{4}}}}
	if err := out.compareHeader(file(7, gguf.F16, data)); err != nil {
		t.Error(err)
	}
	for want, f := range map[string]*gguf.File{
		"key key holds another value":            file(8, gguf.F16, data),
		"tensor 0 is x bf16 [4], want x f16 [4]": file(7, gguf.BF16, data),
		"tensor 0 is x f16 [3], want x f16 [4]":  file(7, gguf.F16, data[:6]),
	} {
		if err := out.compareHeader(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	x := &tensor{name: "x"}
	feed := func(data []byte) error {
		s := &compareSink{files: map[*tensor]*gguf.File{x: file(7, gguf.F16, []byte{1, 2, 3, 4, 5, 6, 7, 8})}}
		if err := s.begin(x); err != nil {
			return err
		}
		for _, b := range data {
			if err := s.write([]byte{b}); err != nil {
				return err
			}
		}
		return s.end()
	}
	if err := feed(data); err != nil {
		t.Error(err)
	}
	data[5] ^= 0x40
	if err := feed(data); err == nil || err.Error() != "x: byte 5 is 0x06, want 0x46" {
		t.Errorf("a flipped bit gives %v", err)
	}
	data[5] ^= 0x40
	if err := feed(data[:7]); err == nil || !strings.Contains(err.Error(), "more bytes") {
		t.Errorf("a longer tensor gives %v", err)
	}
	if err := feed(append(data, 9)); err == nil || !strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()) {
		t.Errorf("a shorter tensor gives %v", err)
	}
}
