package paligemma

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	disk "github.com/pgcli/paligemma/internal/faulty"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestOpenWithFailingReads fails to read the weights of a model from a byte on: opening it
// returns the disk's error and leaves nothing open.
func TestOpenWithFailingReads(t *testing.T) {
	file := testmodel.Read(t, testmodel.Convert(t, "pg1-b", convert.Options{Type: "q8_0"}))
	whole, err := gguf.New(&disk.File{Content: file, At: len(file)}, int64(len(file)))
	must(t, err)
	for i, x := range whole.Tensors() {
		for _, fails := range []error{disk.ErrRead, io.EOF} {
			f := &disk.File{Content: file, At: int(x.Offset + x.Size/2), Err: fails}
			text, err := gguf.New(f, f.Size())
			must(t, err)
			k := []string{"off", "auto"}[i%2]
			m, err := newModel(context.Background(), text, &Options{Engine: anyEngine(t), Threads: 1, Kernels: k})
			if m != nil || fails == disk.ErrRead && !errors.Is(err, fails) || fails == io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, kernels %s, %v: error %v", x.Name, k, fails, err)
			}
		}
	}
}
