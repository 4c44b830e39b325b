package convert

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/spm"
)

// smallConfig is a config that passes all checks.
func smallConfig() Config {
	d := Variants()[3].Dims
	d.Vocab, d.Layers, d.VisionLayers = 1, 1, 1
	return defaults(d, HuggingFace)
}

// header makes a GGUF file of metadata, and of one tensor, as many as
// smallConfig has layers.
func header(t *testing.T, list []KV) *gguf.File {
	t.Helper()
	var b bytes.Buffer
	w := gguf.NewWriter(&b)
	for _, kv := range list {
		w.Add(kv.Key, kv.Value)
	}
	w.AddTensor("x", gguf.F32, 1)
	if err := w.WriteHeader(); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteTensor("x", make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.New(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestReadConfigMissesNoKey removes and damages each key of the metadata in turn:
// ReadConfig must miss every key that inference needs.
func TestReadConfigMissesNoKey(t *testing.T) {
	m, err := findMix("f16")
	if err != nil {
		t.Fatal(err)
	}
	vocabulary := spm.Vocabulary{Pieces: []string{"<pad>"}, Scores: []float32{0}, Types: []int32{3}}
	whole := metadata(smallConfig(), m, "name", tokenizerMetadata(vocabulary))
	if _, err := ReadConfig(header(t, whole)); err != nil {
		t.Fatal(err)
	}
	spare := map[string]bool{ // there for other readers only
		"paligemma.image_token_count": true, "paligemma.attention.value_length": true, "paligemma.rope.dimension_count": true,
	}
	for i, kv := range whole {
		if !strings.HasPrefix(kv.Key, "paligemma.") || spare[kv.Key] {
			continue
		}
		without := append(append([]KV{}, whole[:i]...), whole[i+1:]...)
		if _, err := ReadConfig(header(t, without)); !errors.Is(err, gguf.ErrNotFound) || !strings.Contains(err.Error(), kv.Key) {
			t.Errorf("without %s: %v", kv.Key, err)
		}
		var wrong *gguf.TypeError
		if _, err := ReadConfig(header(t, append(without, KV{kv.Key, int64(-1)}))); !errors.As(err, &wrong) || wrong.Key != kv.Key {
			t.Errorf("%s as int64: %v", kv.Key, err)
		}
		zero := map[bool]any{true: uint32(0), false: float32(-1)}[isCount(kv.Value)]
		if _, text := kv.Value.(string); text {
			zero = "other"
		}
		if _, list := kv.Value.([]float32); list {
			zero = []float32{1, 2}
		}
		if _, err := ReadConfig(header(t, append(without, KV{kv.Key, zero}))); err == nil {
			t.Errorf("%s = %v is accepted", kv.Key, zero)
		}
	}
	if _, err := ReadConfig(header(t, general("gemma2", "model", "name", m))); err == nil || !strings.Contains(err.Error(), `general.architecture is "gemma2"`) {
		t.Errorf("another architecture gives %v", err)
	}
}

func isCount(v any) bool {
	_, ok := v.(uint32)
	return ok
}

// TestConfigJSONReplacesDefaults reads a config.json that has every number.
func TestConfigJSONReplacesDefaults(t *testing.T) {
	h := hfConfig{}
	set := func(o *option[float64], v float64) { *o = option[float64]{set: true, value: v} }
	set(&h.Text.QueryPreAttnScalar, 144)
	set(&h.Text.RMSEps, 1e-5)
	set(&h.Text.RopeTheta, 5000)
	set(&h.Text.AttnSoftcap, 20)
	h.Text.FinalSoftcap = option[float64]{set: true, null: true}
	set(&h.Vision.Eps, 1e-7)
	h.Text.Context = option[int]{set: true, value: 4096}
	c := smallConfig()
	c.apply(h)
	if c.QueryPreAttnScalar != 144 || c.RMSEps != 1e-5 || c.RopeBase != 5000 || c.AttnSoftcap != 20 || c.FinalSoftcap != 0 || c.VisionEps != 1e-7 || c.Context != 4096 {
		t.Errorf("read as %+v", c)
	}
	first := smallConfig() // transformers' Gemma knows no scalar: heads are scaled by their width
	first.Family = Gemma
	if before := first.QueryPreAttnScalar; before == 144 {
		t.Fatalf("the scalar of the test is the default, %v", before)
	} else if first.apply(h); first.QueryPreAttnScalar != before {
		t.Errorf("Gemma 1 with a query_pre_attn_scalar is read as %v, want %v", first.QueryPreAttnScalar, before)
	}
	set(&h.Text.RMSEps, 0)
	c.apply(h)
	if err := c.check(); err == nil || err.Error() != "paligemma.attention.layer_norm_rms_epsilon is 0, want a finite number above 0" {
		t.Errorf("error is %v", err)
	}
}

// TestSplitRefusesWhatLlamaReadsOtherwise guards against two files that llama.cpp
// would load and compute differently.
func TestSplitRefusesWhatLlamaReadsOtherwise(t *testing.T) {
	var m mix
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.QueryPreAttnScalar = 144 }, "query_pre_attn_scalar of 256, this model 144"},
		{func(c *Config) { c.Layers = 46 }, "query_pre_attn_scalar of 288, this model 256"},
		{func(c *Config) { c.Layers, c.QueryPreAttnScalar = 46, 288 }, ""},
		{func(c *Config) { c.FinalSoftcap = 0 }, "cannot turn soft caps off"},
		{func(c *Config) { c.Family, c.FinalSoftcap, c.AttnSoftcap = Gemma, 0, 0 }, ""},
	} {
		config := smallConfig()
		c.change(&config)
		_, _, err := splitMetadata(config, typing{text: m, vision: m}, "name", "id", spm.Vocabulary{})
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v, want %q", err, c.want)
		}
	}
}
