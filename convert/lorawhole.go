package convert

import (
	"fmt"
	"slices"

	"github.com/pgcli/paligemma/gguf"
)

// takeCopies takes the copies of the model's own weights that PEFT saves beside the
// change of an embedding. Loading the adapter puts them in place of the model's.
func (l *lora) takeCopies(m *model, module string, arrays map[string]array) error {
	for _, kind := range []string{kindBase, kindTokensBase, kindOriginal} {
		if t := m.target(module + ".weight"); t != nil {
			if a, there := l.take(arrays, kind); there {
				if err := l.replace(t, a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// takeWholes takes the weights and biases that were trained as a whole.
//
// PEFT trains a copy of a module of modules_to_save. A copy of the embedding
// leaves the output head as it was, and a copy of the head leaves the embedding,
// although the model's are one matrix. Other copies of the two, which PEFT adds
// when the vocabulary has grown, are loaded into that matrix.
func (l *lora) takeWholes(m *model, module string, arrays map[string]array) error {
	for _, whole := range []struct{ kind, name string }{{kindWeight, ".weight"}, {kindBias, ".bias"}, {kindBaseBias, ".bias"}} {
		name := module + whole.name
		t := m.target(name)
		a, there := arrays[whole.kind]
		if t == nil || !there {
			continue
		}
		l.used[a.name] = true
		if l.scale != 1 {
			return fmt.Errorf("%s is a whole weight, which the scale %v cannot apply to", a.name, l.scale)
		}
		if t == m.embedding() && m.head == nil {
			switch isHead := m.isHead(name); {
			case isHead:
				t = m.splitHead()
			case l.config.saves(module):
				m.splitHead()
			}
		}
		if err := l.replace(t, a); err != nil {
			return err
		}
	}
	return nil
}

// replace gives a tensor another source.
func (l *lora) replace(t *tensor, a array) error {
	switch {
	case !slices.Equal(trimRows(a.shape, 0, t), t.inner):
		return fmt.Errorf("%s, want shape %v", a, t.inner)
	case !isFloat(a.typ):
		return fmt.Errorf("%s, want f32, f16 or bf16", a)
	case len(t.edits) > 0:
		return fmt.Errorf("%s replaces a weight that an adapter before it changes", a.name)
	}
	t.ck, t.from, t.slice, t.place = l.ck, a, 0, grid{}
	return nil
}

// trimRows returns the shape of an adapter's array whose given axis counts tokens,
// without the rows that the embedding may have beyond the tokenizer's pieces.
func trimRows(shape []int, axis int, t *tensor) []int {
	shape = slices.Clone(shape)
	if vocab := t.inner[0]; t.perToken() && axis < len(shape) && shape[axis] > vocab && shape[axis] <= vocab+maxSpareRows {
		shape[axis] = vocab
	}
	return shape
}

// perToken reports whether the tensor has a row for each token.
func (t *tensor) perToken() bool { return t.name == embeddingName || t.name == headName }

func isFloat(t gguf.Type) bool { return t == gguf.F32 || t == gguf.F16 || t == gguf.BF16 }
