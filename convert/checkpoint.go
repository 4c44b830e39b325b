package convert

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// openCheckpoint opens a Hugging Face folder, a .safetensors, .npz or .gguf
// file. Files are told apart by their first bytes, not by their names.
func openCheckpoint(path string) (checkpoint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openFolder(path)
	}
	magic, err := firstBytes(path)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(magic, "GGUF") || strings.HasPrefix(magic, "FUGG"):
		return openGGUF(path)
	case strings.HasPrefix(magic, "PK\x03\x04") && filepath.Ext(path) == ".npz":
		return openNPZ(path)
	case strings.HasPrefix(magic, "PK\x03\x04"):
		return nil, fmt.Errorf("%s: a zip archive that is not named .npz; PyTorch's pickled weights are not read, save them as safetensors", path)
	case filepath.Ext(path) == ".safetensors":
		return openShards(filepath.Dir(path), []string{filepath.Base(path)}, nil)
	}
	return nil, fmt.Errorf("%s: neither a safetensors, npz nor GGUF file: it starts with %q", path, magic)
}

func firstBytes(path string) (string, error) {
	f, err := os.Open(path)
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

// openFolder opens a folder with safetensors, or with the only npz or GGUF in it.
func openFolder(dir string) (checkpoint, error) {
	if index := filepath.Join(dir, indexName); exists(index) {
		shards, owner, err := readIndex(index)
		if err != nil {
			return nil, err
		}
		return openShards(dir, shards, owner)
	}
	names, err := fs.Glob(os.DirFS(dir), "*.safetensors")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name == "model.safetensors" { // beside it may lie an adapter, or original weights
			return openShards(dir, []string{name}, nil)
		}
	}
	switch others := candidates(dir); {
	case len(names) == 1:
		return openShards(dir, names, nil)
	case len(names) > 1:
		return nil, fmt.Errorf("%s: has %d safetensors files %q, but no %s that says how they belong together", dir, len(names), names, indexName)
	case len(others) > 0:
		return nil, fmt.Errorf("%s: has no safetensors files; did you mean one of %q?", dir, others)
	}
	return nil, fmt.Errorf("%s: no checkpoint found: want %s, model.safetensors, or the path of a .npz or .gguf file", dir, indexName)
}

// candidates lists the files of dir that the user may have meant.
func candidates(dir string) []string {
	var found []string
	for _, pattern := range []string{"*.npz", "*.gguf", "*.bin"} {
		names, _ := fs.Glob(os.DirFS(dir), pattern) // fails for a bad pattern only
		found = append(found, names...)
	}
	return found
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
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
