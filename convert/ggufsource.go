package convert

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/pgcli/paligemma/gguf"
)

// ggufFile is a checkpoint in a GGUF file. Its tensors have their final names
// and values already; only their types change.
type ggufFile struct {
	*gguf.File
	path string
	list []array
}

func openGGUF(ctx context.Context, path string) (*ggufFile, error) {
	f, err := gguf.Open(ctx, path)
	if err != nil {
		return nil, err // it names the file, or the part of it
	}
	g := &ggufFile{File: f, path: path}
	for _, t := range f.Tensors() {
		shape := slices.Clone(t.Shape)
		slices.Reverse(shape) // ggml's order is fastest first
		g.list = append(g.list, array{
			name: t.Name, typ: t.Type, shape: shape,
			where: fmt.Sprintf("%s: byte %d", path, t.Offset),
		})
	}
	return g, nil
}

func (g *ggufFile) format() Format  { return GGUF }
func (g *ggufFile) arrays() []array { return g.list }

func (g *ggufFile) paths() []string {
	if parts := gguf.Parts(g.path); parts != nil {
		return parts
	}
	return []string{g.path}
}

func (g *ggufFile) open(name string) (io.ReadCloser, error) {
	r, err := g.Reader(name)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(r), nil
}
