package paligemma

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

// parts is a GGUF file taken apart, to be changed and put together again: a
// model whose weights show one thing at a time, or a file with one fault.
type parts struct {
	keys    []string
	values  map[string]any
	tensors []gguf.Tensor
	data    map[string][]byte
}

// takeApart reads a file's parts.
func takeApart(t testing.TB, file []byte) *parts {
	t.Helper()
	f, err := gguf.New(bytes.NewReader(file), int64(len(file)))
	must(t, err)
	defer f.Close()
	p := &parts{values: map[string]any{}, tensors: f.Tensors(), data: map[string][]byte{}}
	for _, k := range f.Keys() {
		p.keys = append(p.keys, k.Name)
		p.values[k.Name], err = f.Value(k.Name)
		must(t, err)
	}
	for _, x := range p.tensors {
		data, err := f.Bytes(x.Name)
		must(t, err)
		p.data[x.Name] = bytes.Clone(data)
	}
	return p
}

// oracleParts converts a checkpoint of the oracle to float32 and takes it apart.
func oracleParts(t testing.TB, name string) *parts {
	t.Helper()
	return takeApart(t, readFile(t, convertOracle(t, name, convert.Options{Type: "f32"})))
}

// file puts the parts together. Keys without a value are left out, as are
// tensors without data.
func (p *parts) file(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gguf.NewWriter(&b)
	for _, key := range p.keys {
		if v, ok := p.values[key]; ok {
			w.Add(key, v)
		}
	}
	for _, x := range p.tensors {
		if _, ok := p.data[x.Name]; ok {
			w.AddTensor(x.Name, x.Type, x.Shape...)
		}
	}
	must(t, w.WriteHeader())
	for _, x := range p.tensors {
		if data, ok := p.data[x.Name]; ok {
			must(t, w.WriteTensor(x.Name, data))
		}
	}
	must(t, w.Finish())
	return b.Bytes()
}

// model opens the parts, with a cache in float32. The test closes the model.
func (p *parts) model(t testing.TB, o Options) *Model {
	t.Helper()
	o.Engine, o.CacheF32 = anyEngine(t), true
	if o.Threads == 0 {
		o.Threads = 1
	}
	m, err := New(p.file(t), &o)
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
}

// index finds a tensor.
func (p *parts) index(t testing.TB, name string) int {
	t.Helper()
	i := slices.IndexFunc(p.tensors, func(x gguf.Tensor) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("no tensor %s", name)
	}
	return i
}

// weights returns the values of a float32 tensor.
func (p *parts) weights(t testing.TB, name string) []float32 {
	t.Helper()
	x := p.tensors[p.index(t, name)]
	if x.Type != gguf.F32 {
		t.Fatalf("%s is %v, want f32", name, x.Type)
	}
	values := make([]float32, x.Elements())
	gguf.DecodeF32(values, p.data[name])
	return values
}

// change replaces each value of a float32 tensor: the one in row r and column c,
// rows being the slow axes.
func (p *parts) change(t testing.TB, name string, f func(r, c int, v float32) float32) {
	t.Helper()
	values := p.weights(t, name)
	row := p.tensors[p.index(t, name)].Shape[0]
	for i, v := range values {
		values[i] = f(i/row, i%row, v)
	}
	gguf.EncodeF32(p.data[name], values)
}

// scale multiplies a float32 tensor.
func (p *parts) scale(t testing.TB, name string, by float32) {
	t.Helper()
	p.change(t, name, func(_, _ int, v float32) float32 { return v * by })
}
