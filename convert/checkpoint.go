package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgcli/paligemma/gguf"
)

// A Format is a way to store a checkpoint.
type Format string

// The formats that are read.
const (
	HuggingFace Format = "huggingface" // safetensors with a config.json beside them
	BigVision   Format = "big_vision"  // one .npz with stacked layers
	GGUF        Format = "gguf"        // written by this package
)

// An array describes one array of a checkpoint as it is stored.
type array struct {
	name  string
	typ   gguf.Type // F32, F16 or BF16; any type from a GGUF file
	shape []int     // row-major: the last axis is the contiguous one
	where string    // file and byte offset, for errors
}

func (a array) String() string { return fmt.Sprintf("%s %v %v", a.name, a.typ, a.shape) }

// A checkpoint is a set of named arrays.
//
// An array can only be read from its first byte to its last. A deflated npz
// member allows no more, and no more is needed: layers are stacked on the slowest
// axis, so that one pass over a member meets them in order, and the writer takes
// tensors in any order. No array is ever inflated to a temporary file or held
// whole; an array that must be transposed is held one layer at a time.
type checkpoint interface {
	format() Format
	arrays() []array
	// open returns the bytes of an array, little-endian and row-major. Several
	// may be open at the same time.
	open(name string) (io.ReadCloser, error)
	paths() []string // of the files that the arrays are in
	Close() error
}

// openSource opens a Hugging Face folder, of which some files may be remote, or a
// .safetensors, .npz or .gguf file. Files are told apart by their first bytes, not by
// their names. ctx is that of opening; pipeline.run gives remote files one for reading.
func openSource(ctx context.Context, path string, remote []Remote) (checkpoint, error) {
	dir := sourceDir{path: path, remote: map[string]Remote{}, ctx: ctx}
	for _, r := range remote {
		dir.remote[r.Name] = r
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		if err := refuseQuantized(path); err != nil {
			return nil, err
		}
		return openFolder(dir)
	}
	magic, err := firstBytes(path)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(magic, "GGUF") || strings.HasPrefix(magic, "FUGG"):
		return openGGUF(ctx, path)
	case strings.HasPrefix(magic, "PK\x03\x04") && filepath.Ext(path) == ".npz":
		return openNPZ(path)
	case strings.HasPrefix(magic, "PK\x03\x04"):
		return nil, fmt.Errorf("%s: a zip archive that is not named .npz; PyTorch's pickled weights are not read%s", path, unpickle)
	case filepath.Ext(path) == ".safetensors":
		if err := refuseQuantized(filepath.Dir(path)); err != nil {
			return nil, err
		}
		return openShards(sourceDir{path: filepath.Dir(path)}, []string{filepath.Base(path)}, nil)
	}
	return nil, fmt.Errorf("%s: neither a safetensors, npz nor GGUF file: it starts with %q", path, magic)
}

func firstBytes(path string) (string, error) {
	f, err := openInput(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 4)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(b[:n]), nil
}

// byteSize returns the bytes that an array takes. A wrapped-around product
// would turn a hostile shape into a small one, so that is an error.
func byteSize(t gguf.Type, shape []int) (int64, error) {
	size := int64(t.BlockBytes())
	for _, n := range shape {
		if n < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		if n > 0 && size > math.MaxInt64/int64(n) {
			return 0, fmt.Errorf("shape %v of %v overflows", shape, t)
		}
		size *= int64(n)
	}
	return size, nil
}
