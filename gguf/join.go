package gguf

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/internal/infile"
)

// Keys of the parts of a split file, as llama.cpp's gguf-split writes them.
const (
	SplitNumberKey  = "split.no"            // uint16, from 0
	SplitCountKey   = "split.count"         // uint16
	SplitTensorsKey = "split.tensors.count" // int32, of all parts together
)

// IsSplitKey reports whether a key speaks of the parts of a split file, and so does not
// belong to the whole one.
func IsSplitKey(key string) bool {
	return key == SplitNumberKey || key == SplitCountKey || key == SplitTensorsKey
}

// partEnding follows the name of the whole file: number, from 1, and count.
const partEnding = "-%05d-of-%05d.gguf"

var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// PartPaths returns the paths that the parts of the file at path have, if they are so
// many: those of NAME.gguf are NAME-00001-of-0000N.gguf and so on.
func PartPaths(path string, count int) []string {
	parts := make([]string, count)
	for i := range parts {
		parts[i] = strings.TrimSuffix(path, ".gguf") + fmt.Sprintf(partEnding, i+1, count)
	}
	return parts
}

// Parts returns the paths of all parts of a file that llama.cpp has split, if path is the
// name of one of them, NAME-00001-of-0000N.gguf; nil if it is not.
func Parts(path string) []string {
	m := partName.FindStringSubmatch(path)
	if m == nil {
		return nil
	}
	n, _ := strconv.Atoi(m[3])
	if no, _ := strconv.Atoi(m[2]); no < 1 || no > n {
		return nil
	}
	return PartPaths(m[1], n)
}

// Join writes the parts of a split file, in their order, as one file: the metadata of the
// first part without the keys of splitting, and the tensors of all. The caller must commit
// and close dst. Join returns the cause of ctx soon after ctx ends; dst is not whole then.
func Join(ctx context.Context, dst *FileWriter, parts ...string) error {
	f, err := openParts(ctx, parts)
	if err != nil {
		return err
	}
	defer f.Close()
	f.src = infile.CheckedAt(ctx, f.src)
	for _, k := range f.Keys() {
		v, err := f.Value(k.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", parts[0], err)
		}
		dst.Add(k.Name, v)
	}
	for _, t := range f.Tensors() {
		dst.AddTensor(t.Name, t.Type, t.Shape...)
	}
	if err := dst.WriteHeader(); err != nil {
		return err
	}
	return copyTensors(dst, f)
}

// copyTensors copies the data of all tensors of a file.
func copyTensors(dst *FileWriter, f *File) error {
	buffer := make([]byte, 1<<20)
	for _, t := range f.Tensors() {
		r, err := f.Reader(t.Name)
		if err != nil {
			return err
		}
		w, err := dst.Tensor(t.Name)
		if err != nil {
			return err
		}
		if n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, buffer); err != nil {
			return err
		} else if n != t.Size {
			return fmt.Errorf("gguf: tensor %q: %d bytes are there, want %d", t.Name, n, t.Size)
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}
