package paligemma

import (
	"errors"
	"image"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/internal/testrace"
	"github.com/pgcli/paligemma/models"
)

// scaleAt is where the blocks of quantized types have a float16 scale, in bytes, unless
// it is in front.
var scaleAt = map[gguf.Type]int{gguf.Q2_K: 80, gguf.Q3_K: 108, gguf.Q6_K: 208}

// poison makes a number NaN in the middle of a tensor's row, or the scale of the row's
// middle block.
func poison(p *testmodel.Parts, t testing.TB, name string, row int) {
	x := p.Tensors[p.Index(t, name)]
	block := x.Type.BlockBytes()
	at := row*x.Type.RowBytes(x.Shape[0]) + x.Type.RowBytes(x.Shape[0])/block/2*block
	switch data := p.Data[name][at:]; x.Type {
	case gguf.F32:
		gguf.EncodeF32(data, []float32{float32(math.NaN())})
	case gguf.BF16:
		gguf.EncodeBF16(data, []float32{float32(math.NaN())})
	default:
		gguf.EncodeF16(data[scaleAt[x.Type]:], []float32{float32(math.NaN())})
	}
}

// ask runs a prompt about pictures in a model of parts: it returns the tokens.
func ask(t testing.TB, p *testmodel.Parts, pictures []image.Image, prompt Prompt, o Options) ([]int32, error) {
	t.Helper()
	o.Engine, o.Threads = anyEngine(t), 1
	m, err := New(p.File(t), &o)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var images []*Image
	for _, picture := range pictures {
		img, err := m.Encode(t.Context(), picture)
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	s, err := m.NewSession()
	must(t, err)
	defer s.Close()
	r, err := s.Run(t.Context(), images, prompt, &Sampling{MaxTokens: 2})
	if err != nil {
		return nil, err
	}
	return ids(r.Tokens), nil
}

// TestNaNIsAnError puts NaN into each kind of tensor: no answer follows from it.
func TestNaNIsAnError(t *testing.T) {
	picture := []image.Image{image.NewGray(image.Rect(0, 0, 9, 9))}
	type kind struct {
		typ     string
		kernels []string
	}
	kinds := []kind{{"q4_k_m", []string{"off", "auto"}}}
	if testrace.Slowness == 1 && !testing.Short() { // the race detector does not see into kernels
		kinds = append(kinds, kind{"f16", []string{"off", "auto"}}, kind{"bf16", []string{"auto"}}, kind{"q8_0", append([]string{"off"}, levelNames()...)})
	}
	for _, c := range kinds {
		path := filepath.Join(t.TempDir(), c.typ)
		_, err := convert.Run(t.Context(), testmodel.Path("models", "tiny"), path, convert.Options{Type: c.typ, Engine: testmodel.Engine(t)})
		must(t, err)
		file := testmodel.Read(t, path)
		for i, x := range testmodel.TakeApart(t, file).Tensors {
			if strings.Contains(x.Name, "blk.") && !strings.Contains(x.Name, "blk.1.") || !testrace.Chosen(i) {
				continue
			}
			p := testmodel.TakeApart(t, file)
			row := 0
			if x.Name == "token_embd.weight" {
				row = 2 // <bos>, with which every prompt begins
			}
			poison(p, t, x.Name, row)
			for _, k := range c.kernels {
				tokens, err := ask(t, p, picture, "detect disc", Options{Kernels: k})
				if err == nil {
					t.Errorf("%s, %v of %s, kernels %s: the answer is %v", x.Name, x.Type, c.typ, k, tokens)
				} else if !errors.Is(err, ErrNotFinite) && !strings.Contains(err.Error(), " is NaN") {
					t.Errorf("%s, %v of %s, kernels %s: error %v", x.Name, x.Type, c.typ, k, err)
				}
			}
		}
	}
}

// TestNaNInMaskWeights: Open names the tensor.
func TestNaNInMaskWeights(t *testing.T) {
	p := testmodel.TakeApart(t, models.Tiny())
	for i, x := range p.Tensors {
		if !isMask(x.Name) || !testrace.Chosen(i) {
			continue
		}
		whole := slices.Clone(p.Data[x.Name])
		poison(p, t, x.Name, 0)
		if _, err := New(p.File(t), &Options{Engine: anyEngine(t)}); err == nil || !strings.Contains(err.Error(), x.Name+": value ") {
			t.Errorf("%s with NaN: error %v", x.Name, err)
		}
		p.Data[x.Name] = whole
	}
}

// TestCacheOverflow makes keys, then values, that no float16 holds: the error says what
// to do, it helps, and the session answers the next prompt.
func TestCacheOverflow(t *testing.T) {
	q := readQuestion(t, "pg2-a")
	for _, name := range []string{"attn_k", "attn_v"} {
		p := testmodel.OracleParts(t, "pg2-a")
		p.Change(t, "blk.1."+name+".weight", func(_, _ int, v float32) float32 { return v * 1e6 })
		for _, k := range []string{"off", "auto"} {
			_, err := ask(t, p, q.pictures, q.prompt, Options{Kernels: k})
			if !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "blk.1.") || !strings.Contains(err.Error(), "--cache-type f32") {
				t.Errorf("%s, kernels %s: error %v", name, k, err)
			}
			if _, err := ask(t, p, q.pictures, q.prompt, Options{Kernels: k, CacheF32: true}); err != nil {
				t.Errorf("%s, kernels %s, float32: error %v", name, k, err)
			}
		}
	}
}
