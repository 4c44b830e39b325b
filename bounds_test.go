package paligemma

import (
	"encoding/json"
	"errors"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestConvertAndOpenAgree gives each number of a config values at, inside and beyond
// its bounds: what convert accepts opens and runs, and the rest says which key is wrong.
func TestConvertAndOpenAgree(t *testing.T) {
	dir := t.TempDir()
	must(t, synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma2), Format: convert.HuggingFace, Type: gguf.F32, Seed: 5}.Write(dir))
	config := filepath.Join(dir, "config.json")
	whole := testmodel.Read(t, config)
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
	} {
		for _, v := range slices.Concat(c.in, c.out) {
			var top map[string]any
			must(t, json.Unmarshal(whole, &top))
			part, name, _ := strings.Cut(c.key, ".")
			top[part].(map[string]any)[name] = v
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
	}
}
