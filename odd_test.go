package paligemma

import (
	"context"
	"fmt"
	"image"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/internal/testrace"
	"github.com/pgcli/paligemma/kernels"
)

// elementwise lists the tensors that are added or multiplied by element.
func elementwise(p *testmodel.Parts) (names []string) {
	for _, x := range p.Tensors {
		if len(x.Shape) == 1 || x.Name == positions {
			names = append(names, x.Name)
		}
	}
	return names
}

// retype stores float32 tensors in another type of 2 bytes, or of bytes if there is
// no encode.
func retype(p *testmodel.Parts, t testing.TB, typ gguf.Type, encode func([]byte, []float32), names ...string) {
	for _, name := range names {
		values := p.Weights(t, name)
		x := &p.Tensors[p.Index(t, name)]
		x.Type = typ
		p.Data[name] = make([]byte, typ.RowBytes(int(x.Elements())))
		if encode != nil {
			encode(p.Data[name], values)
		}
	}
}

// TestNormsOf16Bits runs a model whose norms, biases and positions have 16 bits: to
// the bit the answer of the same values in float32.
func TestNormsOf16Bits(t *testing.T) {
	for typ, encode := range map[gguf.Type]func([]byte, []float32){gguf.F16: gguf.EncodeF16, gguf.BF16: gguf.EncodeBF16} {
		decode := gguf.DecodeF16
		if typ == gguf.BF16 {
			decode = gguf.DecodeBF16
		}
		half, full := testmodel.OracleParts(t, "pg2-a"), testmodel.OracleParts(t, "pg2-a")
		names := elementwise(half)
		retype(half, t, typ, encode, names...)
		for _, name := range names {
			decode(full.Weights(t, name), half.Data[name])
			values := make([]float32, len(half.Data[name])/2)
			decode(values, half.Data[name])
			gguf.EncodeF32(full.Data[name], values)
		}
		for _, off := range []string{"auto", "off"} {
			for _, noMmap := range []bool{false, true} {
				got := firstLogits(t, half.File(t), Options{Kernels: off, NoMmap: noMmap})
				want := firstLogits(t, full.File(t), Options{Kernels: off, NoMmap: noMmap})
				if !slices.Equal(got, want) {
					t.Errorf("%v, kernels %s: logits differ by %g", typ, off, testmodel.Farthest(got, want))
				}
			}
		}
	}
}

// TestNormsOfWrongTypes: they are refused by name.
func TestNormsOfWrongTypes(t *testing.T) {
	whole := testmodel.OracleParts(t, "pg2-a")
	for i, name := range elementwise(whole) {
		for _, typ := range []gguf.Type{gguf.I32, gguf.F64} {
			if !testrace.Chosen(i) {
				continue
			}
			p := testmodel.OracleParts(t, "pg2-a")
			retype(p, t, typ, nil, name)
			refuse(t, fmt.Sprintf("%s as %v", name, typ), p.File(t), "tensor "+name, typ.String())
		}
	}
}

// firstLogits returns the logits after a picture and a prompt.
func firstLogits(t *testing.T, file []byte, o Options) []float32 {
	t.Helper()
	o.Engine, o.Threads, o.CacheF32 = anyEngine(t), 1, true
	m, err := New(file, &o)
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	side := m.Config().ImageSize
	picture := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range picture.Pix {
		picture.Pix[i] = byte(i * i / 3)
	}
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), encodeAll(t, m, []image.Image{picture}), "answer en x"))
	_, err = s.Run(t.Context(), encodeAll(t, m, []image.Image{picture}), "answer en x", &Sampling{MaxTokens: 4})
	must(t, err)
	must(t, s.Prefill(t.Context(), encodeAll(t, m, []image.Image{picture}), "answer en x"))
	return logitsOf(t, s)
}

// TestOddSizes runs models whose sizes divide by nothing, at each level of our
// kernels and by ggml. Kernels that cannot compute them say so when they are asked
// for.
func TestOddSizes(t *testing.T) {
	base := synthetic.Tiny(convert.Gemma2)
	odd := map[string]func(*convert.Dims){
		"vision heads of 36":  func(d *convert.Dims) { d.VisionWidth, d.VisionHeads = 108, 3 },
		"vision heads of 20":  func(d *convert.Dims) { d.VisionWidth, d.VisionHeads = 100, 5 },
		"text heads of 20":    func(d *convert.Dims) { d.HeadDim, d.Heads, d.KVHeads = 20, 3, 1 },
		"text heads of 2":     func(d *convert.Dims) { d.HeadDim, d.Heads, d.KVHeads = 2, 5, 5 },
		"widths of no blocks": func(d *convert.Dims) { d.Width, d.MLP, d.VisionWidth, d.VisionMLP, d.VisionHeads = 40, 50, 72, 77, 3 },
		"odd everything": func(d *convert.Dims) {
			d.Width, d.MLP, d.Heads, d.KVHeads, d.HeadDim = 37, 41, 1, 1, 6
			d.VisionWidth, d.VisionHeads, d.VisionMLP, d.Patch, d.ImageTokens = 35, 5, 33, 5, 25
		},
	}
	for name, change := range odd {
		t.Run(name, func(t *testing.T) {
			d := base
			change(&d)
			dir := t.TempDir()
			must(t, synthetic.Checkpoint{Dims: d, Format: convert.HuggingFace, Type: gguf.F32, Seed: 3}.Write(dir))
			fits := d.HeadDim%8 == 0 && d.VisionWidth/d.VisionHeads%8 == 0
			for typ, bound := range map[string]float64{"f32": 1e-5, "q8_0": 3e-2} {
				path := filepath.Join(dir, typ+".gguf")
				_, err := convert.Run(context.Background(), dir, path, convert.Options{Type: typ, Engine: testmodel.Engine(t)})
				must(t, err)
				file := testmodel.Read(t, path)
				want := firstLogits(t, file, Options{Kernels: "off"})
				for i, k := range append([]string{"auto"}, levelNames()...) {
					if !testrace.Chosen(i) {
						continue
					}
					if k != "auto" && !fits {
						_, err := New(file, &Options{Engine: anyEngine(t), Kernels: k})
						if err == nil || !strings.Contains(err.Error(), "heads are") {
							t.Errorf("kernels %s of %s: error %v, want one about heads", k, typ, err)
						}
						continue
					}
					if got := firstLogits(t, file, Options{Kernels: k}); testmodel.Distance(got, want) > bound {
						t.Errorf("kernels %s of %s: %g from ggml's, want %g", k, typ, testmodel.Distance(got, want), bound)
					}
				}
			}
		})
	}
}

// levelNames returns the levels of our kernels that run here.
func levelNames() (names []string) {
	for _, l := range kernels.Levels() {
		names = append(names, l.String())
	}
	return names
}
