package convert

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
)

// tensorsOf returns the tensors of a model of these sizes.
func tensorsOf(d Dims) []*tensor {
	var list []*tensor
	for _, p := range registry {
		for layer := range p.count(d) {
			if p.in(d.Family) {
				list = append(list, &tensor{name: p.name(p.gguf, layer), part: p.part, role: p.role, shape: d.stored(p.shape)})
			}
		}
	}
	return list
}

// TestMixesEqualLlamas compares the types of the text half with the choices of
// llama.cpp's quantizer for models of the released depths and head counts
// (scripts/convert/check_llamacpp.py).
func TestMixesEqualLlamas(t *testing.T) {
	var golden map[string]map[string]map[string][]string // model -> mix -> type -> tensors
	if err := readJSON("testdata/mixes.json", &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden) != len(texts) {
		t.Errorf("goldens of %d models, want %d", len(golden), len(texts))
	}
	for model, types := range golden {
		var family string
		var layers, heads, kv int
		if _, err := fmt.Sscan(model, &family, &layers, &heads, &kv); err != nil {
			t.Fatal(err)
		}
		if len(types) != len(mixes) {
			t.Errorf("%s: goldens of %d mixes, want %d", model, len(types), len(mixes))
		}
		d := Variants()[0].Dims
		d.Family, d.Layers, d.Heads, d.KVHeads, d.Width = Family(family), layers, heads, kv, 256
		for name, byType := range types {
			want := map[string]string{}
			for typ, tensors := range byType {
				for _, tensor := range tensors {
					want[tensor+".weight"] = typ
				}
			}
			typing, err := newTyping(Options{Type: name})
			if err != nil {
				t.Fatal(err)
			}
			list := tensorsOf(d)
			if err := typing.assign(list, d); err != nil {
				t.Fatal(err)
			}
			for _, x := range list {
				if x.part == Text && len(x.shape) > 1 && strings.ToLower(x.typ.String()) != want[x.name] {
					t.Errorf("%s %s: %s is %v, llama.cpp's %s", model, name, x.name, x.typ, want[x.name])
				}
			}
		}
	}
}

// TestTowerTypes checks the rule for the tower of the released models.
func TestTowerTypes(t *testing.T) {
	d := Variants()[0].Dims
	for _, c := range []struct {
		options            Options
		square, down, rest gguf.Type // 1152-wide rows, 4352-wide rows, projector and patches
	}{
		{Options{Type: "f32"}, gguf.F32, gguf.F32, gguf.F32},
		{Options{Type: "bf16"}, gguf.BF16, gguf.BF16, gguf.F32},
		{Options{Type: "f16"}, gguf.F16, gguf.F16, gguf.F16},
		{Options{Type: "q2_k"}, gguf.Q8_0, gguf.Q8_0, gguf.F16},
		{Options{Type: "q4_k_m", VisionType: "q4_k_m"}, gguf.Q5_0, gguf.Q4_K, gguf.F16},
		{Options{Type: "f16", VisionType: "q6_k"}, gguf.Q8_0, gguf.Q6_K, gguf.F16},
		{Options{Type: "f16", VisionType: "iq4_xs"}, gguf.IQ4_NL, gguf.IQ4_XS, gguf.F16},
		{Options{Type: "f16", VisionType: "q3_k_m"}, gguf.Q4_0, gguf.Q3_K, gguf.F16},
	} {
		typing, err := newTyping(c.options)
		if err != nil {
			t.Fatal(err)
		}
		list := tensorsOf(d)
		if err := typing.assign(list, d); err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			want := gguf.F32
			switch {
			case x.name == "mm.input_projection.weight" || x.name == "v.patch_embd.weight":
				want = c.rest
			case x.part != Vision || x.role != matrix:
				continue
			case strings.Contains(x.name, "ffn_down"):
				want = c.down
			default:
				want = c.square
			}
			if x.typ != want {
				t.Errorf("%+v: %s is %v, want %v", c.options, x.name, x.typ, want)
			}
		}
	}
}

// TestChosenTypesMustFit guards against a type that the user asked for and that is
// silently ignored, or that the rows do not fit.
func TestChosenTypesMustFit(t *testing.T) {
	d := Variants()[3].Dims
	assign := func(o Options) ([]*tensor, error) {
		o.Type = "q4_k_m"
		typing, err := newTyping(o)
		if err != nil {
			return nil, err
		}
		list := tensorsOf(d)
		return list, typing.assign(list, d)
	}
	list, err := assign(Options{EmbeddingType: "Q8_0", TensorTypes: []string{`^blk\.3\.attn_v=f16`, `^blk\..*attn_v=q5_K`, `^mm\.=q8_0`}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]gguf.Type{
		"token_embd.weight": gguf.Q8_0, "blk.3.attn_v.weight": gguf.F16, "blk.4.attn_v.weight": gguf.Q5_K,
		"v.blk.0.attn_v.weight": gguf.Q8_0, "mm.input_projection.weight": gguf.Q8_0, "blk.0.attn_norm.weight": gguf.F32,
	}
	for _, x := range list {
		if w, listed := want[x.name]; listed && x.typ != w {
			t.Errorf("%s is %v, want %v", x.name, x.typ, w)
		}
	}
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{TensorTypes: []string{"attn_v"}}, "want REGEX=TYPE"},
		{Options{TensorTypes: []string{"(=q8_0"}}, "missing closing"},
		{Options{TensorTypes: []string{"attn_v=iq2_xs"}}, `unknown tensor type "iq2_xs"`},
		{Options{TensorTypes: []string{"nothing=q8_0"}}, "matches no tensor"},
		{Options{TensorTypes: []string{"attn_norm=q8_0"}}, "matches no tensor"},
		{Options{TensorTypes: []string{`^v\.blk\.0\.attn_v=q4_K`}}, "v.blk.0.attn_v.weight: rows of 1152 are not a multiple of the 256"},
		{Options{EmbeddingType: "q4_k_m"}, `unknown tensor type "q4_k_m"`},
		{Options{VisionType: "q4_k"}, `unknown type "q4_k"`},
	} {
		if _, err := assign(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error is %v, want %q", c.options, err, c.want)
		}
	}
	if names := Types(); !slices.Contains(names, "iq4_xs") || len(names) != 15 {
		t.Errorf("types are %q", names)
	}
}
