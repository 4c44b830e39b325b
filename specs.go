package paligemma

import (
	"context"
	"fmt"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/nn"
)

// specs describes the tensors that the engine computes with. Reading them fails when
// ctx ends.
func specs(ctx context.Context, f *gguf.File) ([]nn.Spec, error) {
	var list []nn.Spec
	for _, t := range f.Tensors() {
		if isMask(t.Name) {
			continue
		}
		if !bindings.Known(t.Type) {
			return nil, fmt.Errorf("tensor %s is of type %v, which cannot be computed with", t.Name, t.Type)
		}
		shape := t.Shape
		if t.Name == "v.patch_embd.weight" && len(shape) == 4 && shape[0] == shape[1] && shape[2] == 3 {
			// A convolution whose stride is its size is a product.
			shape = []int{shape[0] * shape[1] * 3, shape[3]} // [p*p*3, d]
		}
		spec := nn.Spec{
			Name: t.Name, Type: t.Type, Shape: shape, Offset: int(t.Offset),
			Read: func(p []byte, from int) error {
				if err := context.Cause(ctx); err != nil {
					return err
				}
				return f.ReadTensor(t, p, int64(from))
			},
			Product: len(shape) == 2 && !readByRows(t.Name),
		}
		if len(shape) == 1 || t.Name == positions {
			if err := widen(&spec); err != nil {
				return nil, err
			}
		}
		list = append(list, spec)
	}
	return list, nil
}

// widen makes a tensor that is added or multiplied by element float32, which graphs
// take alone: converters write float32, others keep the checkpoint's 16 bits.
func widen(s *nn.Spec) error {
	decode, ok := map[gguf.Type]func([]float32, []byte){gguf.F16: gguf.DecodeF16, gguf.BF16: gguf.DecodeBF16}[s.Type]
	switch {
	case s.Type == gguf.F32:
		return nil
	case !ok:
		return fmt.Errorf("tensor %s is %v %v, want f32, f16 or bf16", s.Name, s.Type, s.Shape)
	}
	read := s.Read
	s.Type, s.Offset = gguf.F32, nn.NotInFile
	s.Read = func(p []byte, from int) error {
		half := make([]byte, len(p)/2)
		if err := read(half, from/2); err != nil {
			return err
		}
		values := make([]float32, len(p)/4)
		decode(values, half)
		gguf.EncodeF32(p, values)
		return nil
	}
	return nil
}

// positions is the name of the tower's table of positions.
const positions = "v.position_embd.weight"

// readByRows reports whether a tensor is read row by row, and so stays as it lies:
// the embeddings, and the output head, whose rows are the tokens that are asked for.
func readByRows(name string) bool {
	return name == "token_embd.weight" || name == positions || name == hparams.HeadName
}
