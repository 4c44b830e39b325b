package paligemma

import (
	"encoding/json"
	"errors"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/internal/testrace"
)

// TestConvertAndOpenAgree gives each number of a config values at, inside and beyond
// its bounds: what convert accepts opens and runs, and the rest says which key is wrong.
func TestConvertAndOpenAgree(t *testing.T) {
	dir := t.TempDir()
	must(t, synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma2), Format: convert.HuggingFace, Type: gguf.F32, Seed: 5}.Write(dir))
	picture := image.NewGray(image.Rect(0, 0, 9, 9))
	for _, c := range []struct {
		key     string
		in, out []any
	}{
		{"text_config.max_position_embeddings", []any{1, 2, 8192, 1 << 22}, []any{-1, 0, 1<<22 + 1, 1 << 40}},
		{"text_config.rms_norm_eps", []any{1e-45, 1e-30, 1., 3.4e38}, []any{0, -1, 1e-46, 3.5e38}},
		{"text_config.rope_theta", []any{1, 1.01, 1e4, 3.4e38}, []any{0, -1, 1e-30, 0.99, 3.5e38}},
		{"text_config.query_pre_attn_scalar", []any{1.1e-18, 1., 256, 1e38, 1e89}, []any{0, -1, 0.9e-18, 1e-80, 1e300}},
		{"text_config.attn_logit_softcapping", []any{nil, 0, 1e-9, 50, 1e9}, []any{-1, 1e-10, 1.1e9, 3.5e38}},
		{"text_config.final_logit_softcapping", []any{nil, 0, 1e-9, 30, 1e9}, []any{-1, 1e-10, 1.1e9, 3.5e38}},
		{"vision_config.layer_norm_eps", []any{1e-45, 1e-30, 1., 3.4e38}, []any{0, -1, 1e-46, 3.5e38}},
		{"image_mean", []any{0.5}, []any{0, -1.5, 0.499, 1e9, 3.5e38}},
		{"image_std", []any{0.5}, []any{0, 1e-46, 0.501, 1e9, 3.5e38}},
	} {
		config := filepath.Join(dir, "config.json")
		if strings.HasPrefix(c.key, "image_") {
			config = filepath.Join(dir, "preprocessor_config.json")
		}
		whole := testmodel.Read(t, config)
		for i, v := range slices.Concat(c.in, c.out) {
			if !testrace.Chosen(i) {
				continue
			}
			var top map[string]any
			must(t, json.Unmarshal(whole, &top))
			if part, name, nested := strings.Cut(c.key, "."); nested {
				top[part].(map[string]any)[name] = v
			} else {
				top[c.key] = v
			}
			text, err := json.Marshal(top)
			must(t, err)
			must(t, os.WriteFile(config, text, 0o666))
			path := filepath.Join(dir, "model.gguf")
			_, err = convert.Run(t.Context(), dir, path, convert.Options{Type: "f32", Force: true, Engine: testmodel.Engine(t)})
			if refused := slices.Contains(c.out, v); (err != nil) != refused {
				t.Errorf("%s = %v: convert says %v, want an error: %t", c.key, v, err, refused)
			}
			if err != nil {
				continue
			}
			for _, k := range []string{"off", "auto"} {
				m, err := Open(path, &Options{Engine: anyEngine(t), Threads: 1, Kernels: k})
				if err != nil {
					t.Errorf("%s = %v: convert accepts it, Open says: %v", c.key, v, err)
					continue
				}
				_, err = m.Run(t.Context(), picture, "x", &Sampling{MaxTokens: 2})
				if err != nil && !errors.Is(err, ErrNotFinite) && !errors.Is(err, ErrContextFull) {
					t.Errorf("%s = %v, kernels %s: %v", c.key, v, k, err)
				}
				must(t, m.Close())
			}
		}
		must(t, os.WriteFile(config, whole, 0o666))
	}
}

// TestQuantizeAndOpenAgree gives each key of a file other values, and other types: what
// quantize accepts opens, and what it refuses does not.
func TestQuantizeAndOpenAgree(t *testing.T) {
	p := testmodel.OracleParts(t, "pg2-a")
	dir := t.TempDir()
	tried, refused := 0, 0
	for k, key := range p.Keys {
		old := p.Values[key]
		values := []any{nil, "x", uint32(0), uint32(1), uint32(1 << 31), uint64(7), true}
		switch v := old.(type) {
		case uint32:
			values = append(values, v+1, 2*v, -v)
		case float32:
			for _, f := range []float64{0, -1, 1e-38, 0.5, 1, 1e9, 3e38, math.Inf(1), math.NaN()} {
				values = append(values, float32(f))
			}
		case []float32:
			values = append(values, v[:len(v)-1], append(slices.Clone(v), 1), append([]float32{float32(math.NaN())}, v[1:]...), make([]float32, len(v)))
		case []string:
			values = append(values, v[:len(v)-1], append([]string{"\xff"}, v[1:]...), append([]string{v[1]}, v[1:]...))
		}
		for i, v := range values {
			if !testrace.Chosen(i + k) {
				continue
			}
			if p.Values[key] = v; v == nil {
				delete(p.Values, key)
			}
			file, err := p.Build()
			if err != nil {
				continue // no file can have it
			}
			path := filepath.Join(dir, "in.gguf")
			must(t, os.WriteFile(path, file, 0o600))
			_, byConvert := convert.Run(t.Context(), path, filepath.Join(dir, "out.gguf"), convert.Options{Type: "f16", Force: true, Engine: testmodel.Engine(t)})
			m, byOpen := Open(path, &Options{Engine: anyEngine(t), Threads: 1, Kernels: "off"})
			must(t, m.Close())
			if tried++; byOpen != nil {
				refused++
			}
			// A file may have more blocks than are used: quantize would lose them, and refuses.
			fewer := strings.HasSuffix(key, "block_count") && v == uint32(1) && byOpen == nil
			if (byConvert == nil) != (byOpen == nil) && !fewer {
				t.Errorf("%s = %.60v (%T): quantize says %v, Open says %v", key, v, v, byConvert, byOpen)
			}
		}
		p.Values[key] = old
	}
	if t.Logf("%d files, %d refused", tried, refused); tried < 200/testrace.Alike() || refused < 50/testrace.Alike() {
		t.Errorf("%d files, %d refused", tried, refused)
	}
}
