package hparams

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// example returns a model whose numbers differ from each other, so that two
// variables that change places are found. Its scales follow from its sizes, as in
// llama.cpp's form.
func example(family string) Model {
	m := Model{
		Family: family,
		Text: Text{
			Context: 8192, Vocab: 1713, Width: 96, Layers: 3, MLP: 176, Heads: 4, KVHeads: 2, HeadDim: 32,
			Eps: 1e-6, RopeBase: 10000,
		},
		Vision: Vision{
			ImageSize: 56, PatchSize: 14, Width: 60, Layers: 5, Heads: 6, MLP: 200, PaddedMLP: 256, Projection: 96,
			Eps: 1e-5, ImageMean: [3]float32{0.5, 0.5, 0.5}, ImageStd: [3]float32{0.5, 0.5, 0.5}, Resampling: Bilinear,
		},
	}
	if family == Gemma2 {
		m.Text.AttnSoftcap, m.Text.FinalSoftcap = 50, 30
	}
	m.Text.setScales(family)
	return m
}

// entries returns the values of a file under the keys of the fields.
func entries(fields []Field) map[string]any {
	values := map[string]any{}
	for _, f := range fields {
		if v := f.Value(); v != nil {
			values[f.Key] = v
		}
	}
	return values
}

// file makes a GGUF file of metadata and of ten tensors without meaning.
func file(t *testing.T, values map[string]any) *gguf.File {
	t.Helper()
	var b bytes.Buffer
	w := gguf.NewWriter(&b)
	for key, v := range values {
		w.Add(key, v)
	}
	for i := range 10 {
		w.AddTensor(fmt.Sprint("x", i), gguf.F32, 8)
	}
	if err := w.WriteHeader(); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := w.WriteTensor(fmt.Sprint("x", i), make([]byte, 32)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := gguf.New(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A form is the metadata of a whole model: of one file, which is then both text
// and projector, or of two.
type form struct {
	name            string
	text, projector map[string]any
	fields          []Field
}

func forms(m *Model) []form {
	one := entries(m.OneFile())
	one[ArchitectureKey] = PaliGemma
	text, projector := entries(m.TextFile()), entries(m.ProjectorFile())
	text[ArchitectureKey] = m.Family
	return []form{
		{"one file of " + m.Family, one, one, m.OneFile()},
		{"two files of " + m.Family, text, projector, append(m.TextFile(), m.ProjectorFile()...)},
	}
}

// change makes both files with another value of a key; nil leaves the key out.
func (x form) change(t *testing.T, key string, v any) (text, projector *gguf.File) {
	t.Helper()
	changed := func(values map[string]any) *gguf.File {
		old, there := values[key]
		if there {
			delete(values, key)
			defer func() { values[key] = old }()
		}
		if v == nil || !there {
			return file(t, values)
		}
		values[key] = v
		return file(t, values)
	}
	text = changed(x.text)
	if _, one := x.text["paligemma.family"]; one {
		return text, text
	}
	return text, changed(x.projector)
}

// isFixed reports whether the value is written only.
func isFixed(f Field) bool {
	_, ok := f.value.(fixed)
	return ok
}
