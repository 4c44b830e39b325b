package testmodel

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

// Parts is a GGUF file taken apart, to be changed and put together again: a
// model whose weights show one thing at a time, or a file with one fault.
type Parts struct {
	Keys    []string
	Values  map[string]any
	Tensors []gguf.Tensor
	Data    map[string][]byte
}

// TakeApart reads a file's parts.
func TakeApart(t testing.TB, file []byte) *Parts {
	t.Helper()
	f, err := gguf.New(bytes.NewReader(file), int64(len(file)))
	must(t, err)
	defer f.Close()
	p := &Parts{Values: map[string]any{}, Tensors: f.Tensors(), Data: map[string][]byte{}}
	for _, k := range f.Keys() {
		p.Keys = append(p.Keys, k.Name)
		p.Values[k.Name], err = f.Value(k.Name)
		must(t, err)
	}
	for _, x := range p.Tensors {
		data, err := f.Bytes(x.Name)
		must(t, err)
		p.Data[x.Name] = bytes.Clone(data)
	}
	return p
}

// OracleParts converts a checkpoint of the oracle to float32 and takes it apart.
func OracleParts(t testing.TB, name string) *Parts {
	t.Helper()
	return TakeApart(t, Read(t, Convert(t, name, convert.Options{Type: "f32"})))
}

// File puts the parts together. Keys without a value are left out, as are
// tensors without data.
func (p *Parts) File(t testing.TB) []byte {
	t.Helper()
	file, err := p.Build()
	must(t, err)
	return file
}

// Build is File for parts that the writer may refuse.
func (p *Parts) Build() ([]byte, error) {
	var b bytes.Buffer
	w := gguf.NewWriter(&b)
	for _, key := range p.Keys {
		if v, ok := p.Values[key]; ok {
			w.Add(key, v)
		}
	}
	for _, x := range p.Tensors {
		if _, ok := p.Data[x.Name]; ok {
			w.AddTensor(x.Name, x.Type, x.Shape...)
		}
	}
	if err := w.WriteHeader(); err != nil {
		return nil, err
	}
	for _, x := range p.Tensors {
		if data, ok := p.Data[x.Name]; ok {
			if err := w.WriteTensor(x.Name, data); err != nil {
				return nil, err
			}
		}
	}
	err := w.Finish()
	return b.Bytes(), err
}

// Index returns the place of a tensor in Tensors.
func (p *Parts) Index(t testing.TB, name string) int {
	t.Helper()
	i := slices.IndexFunc(p.Tensors, func(x gguf.Tensor) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("no tensor %s", name)
	}
	return i
}

// Weights returns the values of a float32 tensor.
func (p *Parts) Weights(t testing.TB, name string) []float32 {
	t.Helper()
	x := p.Tensors[p.Index(t, name)]
	if x.Type != gguf.F32 {
		t.Fatalf("%s is %v, want f32", name, x.Type)
	}
	values := make([]float32, x.Elements())
	gguf.DecodeF32(values, p.Data[name])
	return values
}

// Change replaces each value of a float32 tensor: the one in row r and column c,
// rows being the slow axes.
func (p *Parts) Change(t testing.TB, name string, f func(r, c int, v float32) float32) {
	t.Helper()
	values := p.Weights(t, name)
	row := p.Tensors[p.Index(t, name)].Shape[0]
	for i, v := range values {
		values[i] = f(i/row, i%row, v)
	}
	gguf.EncodeF32(p.Data[name], values)
}

// Scale multiplies a float32 tensor.
func (p *Parts) Scale(t testing.TB, name string, by float32) {
	t.Helper()
	p.Change(t, name, func(_, _ int, v float32) float32 { return v * by })
}
