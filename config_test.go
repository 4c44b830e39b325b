package paligemma

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestConfig reads what the checkpoints say of themselves.
func TestConfig(t *testing.T) {
	for name, want := range map[string]Config{
		// The checkpoint's parameters, without 15 rows of the embedding that no piece
		// has, and with the padding of two vision MLPs to 256.
		"pg1-b": {Family: "gemma", Width: 64, Layers: 3, WeightType: "F32", Parameters: 276608 - 15*64 + 2*(256-48)*(2*32+1)},
		"pg2-a": {Family: "gemma2", Width: 96, Layers: 3, WeightType: "F32", Parameters: 460320 - 15*96 + 2*(256-80)*(2*64+1)},
	} {
		want.ImageSize, want.ImageTokens, want.Context, want.Vocabulary = 56, 16, 8192, 1713
		got := openOracle(t, name, Options{}).Config()
		if got.Session != 16+512 {
			t.Errorf("%s: a session has room for %d tokens, want 528", name, got.Session)
		}
		want.Session = got.Session
		got.vision, got.text, got.resample, got.Kernels, got.Threads, got.WeightBytes = want.vision, want.text, want.resample, "", 0, 0
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestSplitQueryScale: llama.cpp's text files do not say how queries are scaled.
// Queries are divided by the root of the head dim, but in the 46 layers of
// Gemma 2 27B by the root of width over heads.
func TestSplitQueryScale(t *testing.T) {
	two := testmodel.Convert(t, "pg2-a", convert.Options{Type: "f32", Split: true})
	projector, err := gguf.Open(t.Context(), projectorOf(two))
	must(t, err)
	defer projector.Close()
	p := testmodel.TakeApart(t, testmodel.Read(t, two))
	for i := range 50 { // as many tensors as 46 blocks need
		x := gguf.Tensor{Name: fmt.Sprint("more", i), Type: gguf.F32, Shape: []int{1}}
		p.Tensors, p.Data[x.Name] = append(p.Tensors, x), make([]byte, 4)
	}
	for layers, want := range map[uint32]float64{3: 32, 42: 32, 46: 96 / 4} {
		p.Values["gemma2.block_count"] = layers
		file := p.File(t)
		f, err := gguf.New(bytes.NewReader(file), int64(len(file)))
		must(t, err)
		config, err := newConfig(f, projector)
		must(t, err)
		c := config.text
		if got := 1 / math.Pow(float64(c.QueryScale), 2); math.Abs(got-want) > 1e-3 {
			t.Errorf("%d layers: queries are scaled by 1/sqrt(%.2f), want %v", layers, got, want)
		}
		if c.AttnSoftcap != 50 || c.FinalSoftcap != 30 || math.Abs(float64(c.EmbedScale)-math.Sqrt(96)) > 1e-5 {
			t.Errorf("%d layers: %+v", layers, c)
		}
		must(t, f.Close())
	}
}
