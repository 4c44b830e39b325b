package convert

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// names is a checkpoint without data.
type names struct {
	kind Format
	list []array
}

func (n *names) format() Format                     { return n.kind }
func (n *names) arrays() []array                    { return n.list }
func (n *names) paths() []string                    { return nil }
func (n *names) open(string) (io.ReadCloser, error) { return nil, errors.New("no data") }
func (n *names) Close() error                       { return nil }

// find returns the array whose name ends in suffix.
func (n *names) find(t *testing.T, suffix string) *array {
	t.Helper()
	for i := range n.list {
		if strings.HasSuffix(n.list[i].name, suffix) {
			return &n.list[i]
		}
	}
	t.Fatalf("no %s", suffix)
	return nil
}

func (n *names) remove(t *testing.T, suffix string) {
	a := n.find(t, suffix)
	n.list = slices.DeleteFunc(n.list, func(b array) bool { return b.name == a.name })
}

func (n *names) add(name string, typ gguf.Type, shape ...int) {
	n.list = append(n.list, array{name: name, typ: typ, shape: shape})
}

// released returns the arrays of a released model.
func released(t *testing.T, name string, f Format) *names {
	t.Helper()
	for _, v := range Variants() {
		if v.Name == name {
			specs, err := v.Dims.Arrays(f)
			if err != nil {
				t.Fatal(err)
			}
			n := &names{kind: f}
			for _, s := range specs {
				n.add(s.Name, gguf.BF16, s.Shape...)
			}
			return n
		}
	}
	t.Fatalf("no variant %s", name)
	return nil
}

// plan infers the config and finds the tensors, as a conversion does.
func plan(n *names, dir string, pieces int) (Config, error) {
	inv, err := takeInventory(n)
	if err != nil {
		return Config{}, err
	}
	c, _, err := readConfig(inv, dir, pieces)
	if err != nil {
		return c, err
	}
	_, err = inv.resolve(c.Dims)
	return c, err
}

// TestSizesFollowFromTensors infers the sizes of every released model from its
// tensors alone.
func TestSizesFollowFromTensors(t *testing.T) {
	for _, v := range Variants() {
		for _, f := range []Format{HuggingFace, BigVision} {
			c, err := plan(released(t, v.Name, f), t.TempDir(), 257152)
			if err != nil {
				t.Errorf("%s as %s: %v", v.Name, f, err)
				continue
			}
			if c.Dims != v.Dims || c.QueryPreAttnScalar != v.QueryPreAttnScalar {
				t.Errorf("%s as %s: inferred %+v, scale %v, want %+v, %v", v.Name, f, c.Dims, c.QueryPreAttnScalar, v.Dims, v.QueryPreAttnScalar)
			}
			if capped := c.AttnSoftcap == 50 && c.FinalSoftcap == 30; capped != (v.Dims.Family == Gemma2) {
				t.Errorf("%s as %s: soft caps %v and %v", v.Name, f, c.AttnSoftcap, c.FinalSoftcap)
			}
		}
	}
}

// TestMismatchListsAllArrays checks that the error lists every missing, unexpected
// and misshaped tensor, and nothing else.
func TestMismatchListsAllArrays(t *testing.T) {
	for _, f := range []Format{HuggingFace, BigVision} {
		n := released(t, "paligemma2-3b-224", f)
		want := MismatchError{}
		if f == HuggingFace {
			n.remove(t, "layers.3.mlp.gate_proj.weight")
			n.find(t, "model.layers.5.self_attn.q_proj.weight").shape = []int{2304, 2048}
			n.find(t, "layers.9.layer_norm1.bias").typ = gguf.I64
			n.add("vision_tower.vision_model.head.probe", gguf.BF16, 1, 1, 1152)
			n.add("vision_tower.vision_model.embeddings.position_ids", gguf.I64, 1, 256)
			want.Missing = []string{"language_model.model.layers.3.mlp.gate_proj.weight [9216 2304]"}
			want.Misshaped = []string{"language_model.model.layers.5.self_attn.q_proj.weight [2304 2048], want [2048 2304]", "vision_tower.vision_model.encoder.layers.9.layer_norm1.bias is i64, want f32, f16 or bf16"}
			want.Unexpected = []string{"vision_tower.vision_model.head.probe bf16 [1 1 1152]"}
		} else {
			n.remove(t, "gating_einsum")
			n.find(t, "kv_einsum/w").shape = []int{26, 2, 4, 256, 2304}
			n.add("opt/count", gguf.F32)
			want.Missing = []string{"llm/layers/mlp/gating_einsum [26 2 2304 9216]"}
			want.Misshaped = []string{"llm/layers/attn/kv_einsum/w [26 2 4 256 2304], want [26 2 4 2304 256]"}
			want.Unexpected = []string{"opt/count f32 []"}
		}
		_, err := plan(n, t.TempDir(), 257152)
		var got *MismatchError
		if !errors.As(err, &got) {
			t.Fatalf("%s: error is %v, want a MismatchError", f, err)
		}
		if !slices.Equal(got.Missing, want.Missing) || !slices.Equal(got.Unexpected, want.Unexpected) || !slices.Equal(got.Misshaped, want.Misshaped) {
			t.Errorf("%s: got %+v\nwant %+v", f, *got, want)
		}
		for _, line := range slices.Concat(want.Missing, want.Unexpected, want.Misshaped) {
			if !strings.Contains(err.Error(), line) {
				t.Errorf("%s: error %q does not list %q", f, err, line)
			}
		}
	}
}

// TestOtherArchitecturesAreNamed guards against an error that lists hundreds of
// tensors where the checkpoint is simply another model.
func TestOtherArchitecturesAreNamed(t *testing.T) {
	only := func(prefix string) func(*names) {
		return func(n *names) {
			n.list = slices.DeleteFunc(n.list, func(a array) bool { return !strings.HasPrefix(a.name, prefix) })
		}
	}
	for _, c := range []struct {
		name   string
		format Format
		change func(*names)
		config map[string]any
		want   string
	}{
		{"PaliGemma 2 weights, PaliGemma 1 config", HuggingFace, func(*names) {},
			map[string]any{"text_config": map[string]any{"model_type": "gemma"}}, `model_type is "gemma", but the tensors belong to "gemma2"`},
		{"other sizes", HuggingFace, func(*names) {},
			map[string]any{"text_config": map[string]any{"hidden_size": 2048}, "vision_config": map[string]any{"image_size": 448}}, "text_config.hidden_size is 2048, but the tensors have 2304"},
		{"image size", HuggingFace, func(*names) {},
			map[string]any{"vision_config": map[string]any{"image_size": 448}}, "vision_config.image_size is 448, but the tensors have 224"},
		{"Gemma 3 config", HuggingFace, func(*names) {}, map[string]any{"model_type": "gemma3"}, "Gemma 3, another architecture"},
		{"SiLU", HuggingFace, func(*names) {}, map[string]any{"text_config": map[string]any{"hidden_activation": "silu"}}, "hidden_activation is silu"},
		{"erf GELU", HuggingFace, func(*names) {}, map[string]any{"text_config": map[string]any{"hidden_activation": "gelu"}}, "text_config.hidden_activation is gelu, want gelu_pytorch_tanh: "},
		{"erf GELU of the tower", HuggingFace, func(*names) {}, map[string]any{"vision_config": map[string]any{"hidden_act": "gelu"}}, "vision_config.hidden_act is gelu, want gelu_pytorch_tanh: "},
		{"biases", HuggingFace, func(*names) {}, map[string]any{"text_config": map[string]any{"attention_bias": true}}, "attention_bias is true"},
		{"rope scaling", HuggingFace, func(*names) {}, map[string]any{"text_config": map[string]any{"rope_scaling": map[string]any{"factor": 8}}}, "rope_scaling is"},
		{"head width", HuggingFace, func(*names) {}, map[string]any{"text_config": map[string]any{"head_dim": 100}}, "not heads of 100"},
		{"Gemma", HuggingFace, only("language_model."), nil, "no [vision projector] part found"},
		{"plain Gemma", HuggingFace, func(n *names) {
			only("language_model.model.")(n)
			for i := range n.list {
				n.list[i].name = strings.TrimPrefix(n.list[i].name, "language_model.")
			}
		}, nil, "looks like a text model without a vision tower"},
		{"CLIP", HuggingFace, func(n *names) {
			n.list = nil
			n.add("vision_model.embeddings.class_embedding", gguf.F32, 1024)
		}, nil, "looks like a CLIP tower"},
		{"adapter", HuggingFace, func(n *names) {
			n.list = nil
			n.add("base_model.model.language_model.model.layers.0.self_attn.q_proj.lora_A.weight", gguf.F32, 8, 2304)
		}, nil, "looks like a LoRA adapter"},
		{"Gemma as npz", BigVision, only("llm/"), nil, "no [vision projector] part found"},
		{"SigLIP as npz", BigVision, only("img/"), nil, "no [text] part found"},
		{"empty", HuggingFace, only("nothing"), nil, "among its 0 arrays"},
		{"both layouts", HuggingFace, func(n *names) {
			n.add("model.multi_modal_projector.linear.weight", gguf.BF16, 2304, 1152)
		}, nil, "the projector part is there twice"},
	} {
		n := released(t, "paligemma2-3b-224", c.format)
		c.change(n)
		dir := t.TempDir()
		if c.config != nil {
			text, err := json.Marshal(c.config)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := plan(n, dir, 257152); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", c.name, err, c.want)
		}
	}
}

// TestSpareRowsOfEmbedding guards against an embedding and a tokenizer that do not
// belong together.
func TestSpareRowsOfEmbedding(t *testing.T) {
	for rows, ok := range map[int]bool{257151: false, 257152: true, 257216: true, 257280: true, 257664: true, 257665: false, 262144: false} {
		n := released(t, "paligemma-3b-224", HuggingFace)
		n.find(t, "embed_tokens.weight").shape[0] = rows
		c, err := plan(n, t.TempDir(), 257152)
		if (err == nil) != ok {
			t.Errorf("an embedding of %d rows: error is %v", rows, err)
		}
		if err == nil && c.Vocab != 257152 {
			t.Errorf("an embedding of %d rows becomes one of %d", rows, c.Vocab)
		}
	}
}

// TestClaimedSizesCostNothing checks that sizes that a file only claims are
// refused before anything is allocated for them.
func TestClaimedSizesCostNothing(t *testing.T) {
	n := released(t, "paligemma2-3b-224", BigVision)
	for i := range n.list {
		if strings.HasPrefix(n.list[i].name, "llm/layers/") {
			n.list[i].shape[0] = 1 << 40
		}
	}
	if _, err := plan(n, t.TempDir(), 257152); err == nil || !strings.Contains(err.Error(), "block_count is 1099511627776, want 1 to 1024") {
		t.Errorf("error is %v", err)
	}
	n = released(t, "paligemma2-3b-224", HuggingFace)
	n.add("language_model.model.layers.999999999.mlp.up_proj.weight", gguf.BF16, 1, 1)
	_, err := plan(n, t.TempDir(), 257152)
	var bad *MismatchError
	if !errors.As(err, &bad) || len(bad.Unexpected) != 1 {
		t.Errorf("error is %v", err)
	}
}
