package synthetic

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

// A Checkpoint describes the files that Write makes.
type Checkpoint struct {
	Dims   convert.Dims
	Format convert.Format
	Type   gguf.Type // F32, F16 or BF16
	Seed   uint64

	// Hugging Face
	Shards int  // files, 0 for one without an index
	New    bool // names as since transformers 4.52

	// big_vision
	Deflate bool
	Params  bool // "params/" before the names
}

// Write writes the checkpoint into dir, which must exist: a Hugging Face folder's
// files, model.npz or model.gguf, and tokenizer.model.
func (c Checkpoint) Write(dir string) error {
	if c.Type != gguf.F32 && c.Type != gguf.F16 && c.Type != gguf.BF16 {
		return fmt.Errorf("synthetic: type is %v, want f32, f16 or bf16", c.Type)
	}
	pieces := c.Dims.Vocab - appended
	if pieces < minPieces {
		return fmt.Errorf("synthetic: vocabulary of %d, want %d or more", c.Dims.Vocab, minPieces+appended)
	}
	if c.Format == convert.GGUF {
		return c.writeGGUF(dir)
	}
	specs, err := c.Dims.Arrays(c.Format)
	if err != nil {
		return err
	}
	if c.Format == convert.BigVision {
		err = c.writeNPZ(filepath.Join(dir, "model.npz"), specs)
	} else {
		err = c.writeHuggingFace(dir, specs)
	}
	if err != nil {
		return fmt.Errorf("synthetic: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "tokenizer.model"), tokenizerModel(pieces), 0o666)
}

// writeGGUF converts a Hugging Face checkpoint that it removes again.
func (c Checkpoint) writeGGUF(dir string) error {
	temp, err := os.MkdirTemp(dir, "synthetic-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	source := c
	source.Format = convert.HuggingFace
	if err := source.Write(temp); err != nil {
		return err
	}
	_, err = convert.Run(context.Background(), temp, filepath.Join(dir, "model.gguf"), convert.Options{Type: c.Type.String(), Name: "synthetic", Force: true})
	return err
}

// writeArray writes the values of an array. Transposed slices are made in
// memory, one at a time; the others flow.
func (c Checkpoint) writeArray(w io.Writer, s convert.Spec) error {
	size := c.Type.BlockBytes()
	buffer := make([]byte, 1<<20)
	for _, slice := range s.Slices {
		values := newStream(c.Seed, slice.Tensor)
		n := product(slice.Shape)
		if len(s.Slices) == 1 && slice.Plain() {
			n = product(s.Shape) // the embedding may have more rows than the slice
		}
		if !slice.Plain() {
			all, stored := make([]byte, n*size), make([]byte, n*size)
			values.fill(all, 0, c.Type)
			slice.Store(stored, all, size)
			if _, err := w.Write(stored); err != nil {
				return err
			}
			continue
		}
		for first := 0; first < n; {
			block := buffer[:min(len(buffer)/size, n-first)*size]
			values.fill(block, uint64(first), c.Type)
			if _, err := w.Write(block); err != nil {
				return err
			}
			first += len(block) / size
		}
	}
	return nil
}

func product(shape []int) int {
	n := 1
	for _, size := range shape {
		n *= size
	}
	return n
}
