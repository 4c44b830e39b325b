package convert

import (
	"fmt"
	"strings"

	"github.com/pgcli/paligemma/gguf"
)

// A mix, such as "q4_k_m", is a type for most matrices, and types of more bits for
// the matrices that suffer most from few.
type mix struct {
	name string
	base gguf.Type
	code uint32 // llama.cpp's enum llama_ftype, for general.file_type
}

var mixes = []mix{
	{"f32", gguf.F32, 0},
	{"f16", gguf.F16, 1},
	{"bf16", gguf.BF16, 32},
	{"q8_0", gguf.Q8_0, 7},
	{"q6_k", gguf.Q6_K, 18},
	{"q5_k_m", gguf.Q5_K, 17},
	{"q5_k_s", gguf.Q5_K, 16},
	{"q5_0", gguf.Q5_0, 8},
	{"q4_k_m", gguf.Q4_K, 15},
	{"q4_k_s", gguf.Q4_K, 14},
	{"q4_0", gguf.Q4_0, 2},
	{"iq4_nl", gguf.IQ4_NL, 25},
	{"iq4_xs", gguf.IQ4_XS, 30},
	{"q3_k_m", gguf.Q3_K, 12},
	{"q2_k", gguf.Q2_K, 10},
}

// Types returns the names that [Options] takes as types of a file, from the
// largest to the smallest.
func Types() []string {
	var names []string
	for _, m := range mixes {
		names = append(names, m.name)
	}
	return names
}

func findMix(name string) (mix, error) {
	for _, m := range mixes {
		if strings.EqualFold(m.name, name) {
			return m, nil
		}
	}
	return mix{}, fmt.Errorf("unknown type %q, want one of %s", name, strings.Join(Types(), ", "))
}

// textType returns the type of a matrix of the text half: the rules of
// llama.cpp's quantizer for dense models with a tied embedding, without an
// importance matrix. stem is the name without its layer, such as "attn_v".
func (m mix) textType(stem string, layer int, d Dims) gguf.Type {
	if !m.base.Quantized() {
		return m.base
	}
	groups := d.Heads / d.KVHeads // query heads that share a key
	switch stem {
	case "token_embd", "output": // the first is the output head as well, or was trained as such
		if m.base == gguf.Q8_0 || d.Width%m.base.BlockSize() != 0 {
			return gguf.Q8_0
		}
		return gguf.Q6_K
	case "attn_v":
		switch {
		case m.name == "q2_k" && groups >= 4:
			return gguf.Q4_K
		case m.name == "q2_k":
			return gguf.Q3_K
		case m.name == "q3_k_m" && layer < 2:
			return gguf.Q5_K
		case m.name == "q3_k_m":
			return gguf.Q4_K
		case (m.name == "q4_k_m" || m.name == "q5_k_m") && moreBits(layer, d.Layers):
			return gguf.Q6_K
		case m.name == "q4_k_s" && layer < 4:
			return gguf.Q5_K
		case (m.name == "iq4_nl" || m.name == "iq4_xs") && groups >= 4:
			return gguf.Q5_K
		}
	case "attn_output":
		switch m.name {
		case "q2_k":
			return gguf.Q3_K
		case "q3_k_m":
			return gguf.Q4_K
		}
	case "ffn_down":
		switch {
		case m.name == "q2_k":
			return gguf.Q3_K
		case m.name == "q3_k_m" && layer < d.Layers/16:
			return gguf.Q5_K
		case m.name == "q3_k_m":
			return gguf.Q4_K
		case (m.name == "q4_k_m" || m.name == "q5_k_m") && moreBits(layer, d.Layers):
			return gguf.Q6_K
		case (m.name == "q4_k_s" || m.name == "iq4_nl" || m.name == "iq4_xs") && layer < d.Layers/8:
			return gguf.Q5_K
		}
	}
	return m.base
}

// moreBits picks the first and the last eighth of the layers, and every third
// between them.
func moreBits(layer, layers int) bool {
	return layer < layers/8 || layer >= 7*layers/8 || (layer-layers/8)%3 == 2
}

// fit returns t, or, for rows that are no multiple of its block, a type of
// 32-blocks with as many bits or a few more. All rows of the tower except
// ffn_down's have 1152 elements, which 256 does not divide; all rows of the
// released text halves fit. Rows that 32 does not divide become F16.
func fit(t gguf.Type, cols int) gguf.Type {
	if cols%t.BlockSize() == 0 {
		return t
	}
	switch t {
	case gguf.Q6_K:
		t = gguf.Q8_0
	case gguf.Q5_K, gguf.Q4_K:
		t = gguf.Q5_0
	case gguf.Q3_K, gguf.Q2_K:
		t = gguf.Q4_0
	case gguf.IQ4_XS:
		t = gguf.IQ4_NL
	}
	if cols%t.BlockSize() != 0 {
		return gguf.F16
	}
	return t
}

// visionMix returns the mix of tower and projector that goes with a text half of
// mix m. Quantized files keep the tower at Q8_0: it is a seventh of the 3B model
// and alone sees the picture, so that fewer bits save little and put every box at
// stake.
func (m mix) visionMix() mix {
	if m.base.Quantized() {
		m, _ = findMix("q8_0")
	}
	return m
}
