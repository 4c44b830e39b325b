package testmodel

import (
	"bytes"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/siglip"
	"github.com/pgcli/paligemma/kernels"
)

// Decoder makes the decoder of the parts on one thread of the CPU, computed by
// our kernels, where there are any, or by ggml's. The test frees it.
func (p *Parts) Decoder(t testing.TB, ours bool) (*nn.Backend, *gemma.Decoder) {
	t.Helper()
	b, w := p.place(t, ours)
	d := gemma.New(w, gemma.ConfigOf(p.hyperparameters(t)))
	must(t, w.Err())
	return b, d
}

// Encoder makes the vision tower of the parts, as Decoder does.
func (p *Parts) Encoder(t testing.TB, ours bool) (*nn.Backend, *siglip.Encoder) {
	t.Helper()
	b, w := p.place(t, ours)
	e := siglip.New(w, siglip.ConfigOf(p.hyperparameters(t)))
	must(t, w.Err())
	return b, e
}

// EachKernel runs f with ggml's kernels, and with ours where there are any.
func EachKernel(t *testing.T, f func(t *testing.T, ours bool)) {
	t.Run("ggml", func(t *testing.T) { f(t, false) })
	if len(kernels.Levels()) > 0 {
		t.Run("ours", func(t *testing.T) { f(t, true) })
	}
}

// hyperparameters reads the keys.
func (p *Parts) hyperparameters(t testing.TB) hparams.Model {
	t.Helper()
	file := p.File(t)
	f, err := gguf.New(bytes.NewReader(file), int64(len(file)))
	must(t, err)
	m, err := hparams.Read(f, f)
	must(t, err)
	return m
}

// place puts the tensors on a backend.
func (p *Parts) place(t testing.TB, ours bool) (*nn.Backend, nn.Weights) {
	t.Helper()
	lib, err := bindings.Open(Engine(t))
	must(t, err)
	dev, err := lib.CPU()
	must(t, err)
	file := p.File(t)
	data := make([]byte, max(len(file), 64<<10))[:len(file):len(file)] // a size that begins at a page
	copy(data, file)
	specs := p.specs(t, data)
	var store *nn.Store
	var b *nn.Backend
	if ours && len(kernels.Levels()) > 0 {
		store, err = nn.PackStore(dev, "parts", data, specs, 1)
		must(t, err)
		b, err = nn.NewKernelBackend(dev, 1, kernels.Auto)
	} else {
		store, err = nn.MapStore(dev, "parts", data, specs, false)
		must(t, err)
		b, err = nn.NewBackend(dev, 1)
	}
	must(t, err)
	t.Cleanup(func() {
		must(t, b.Close())
		must(t, store.Close())
	})
	return b, nn.NewWeights(store)
}

// specs describes the tensors of a file.
func (p *Parts) specs(t testing.TB, file []byte) (list []nn.Spec) {
	t.Helper()
	f, err := gguf.New(bytes.NewReader(file), int64(len(file)))
	must(t, err)
	defer f.Close()
	for _, x := range f.Tensors() {
		shape := x.Shape
		if x.Name == "v.patch_embd.weight" {
			shape = []int{shape[0] * shape[1] * shape[2], shape[3]}
		}
		list = append(list, nn.Spec{Name: x.Name, Type: x.Type, Shape: shape, Offset: int(x.Offset),
			Product: len(shape) == 2 && x.Name != "token_embd.weight" && x.Name != "output.weight" && x.Name != "v.position_embd.weight"})
	}
	return list
}
