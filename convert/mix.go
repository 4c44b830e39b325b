package convert

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/gguf"
)

// A mix is what a user asks for by a name such as "q4_k_m": a type for most
// matrices, and others for those that suffer most.
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

// quantized reports whether t has blocks; all other types here are floats.
func quantized(t gguf.Type) bool { return t.BlockSize() > 1 }

// textType returns the type of a matrix of the text half: the rules of
// llama.cpp's quantizer for dense models with a tied embedding, without an
// importance matrix. stem is the name without its layer, such as "attn_v".
func (m mix) textType(stem string, layer int, d Dims) gguf.Type {
	if !quantized(m.base) {
		return m.base
	}
	groups := d.Heads / d.KVHeads // query heads that share a key
	switch stem {
	case "token_embd": // is the output head as well
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
// 32-blocks with as many bits or a few more. All rows of the tower but those of
// ffn_down have 1152 elements, which 256 does not divide; all rows of the
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

// visionMix returns the mix of the tower and the projector that goes with one
// of the text half. Quantized files keep the tower at Q8_0: it is a seventh of
// the 3B model and the only thing that sees the picture, so that little is won
// and every box is at stake below that.
func (m mix) visionMix() mix {
	if quantized(m.base) {
		m, _ = findMix("q8_0")
	}
	return m
}

// typing is the choice of types for one conversion.
type typing struct {
	text, vision mix
	embedding    *gguf.Type // nil for the mix's
	rules        []typeRule
}

type typeRule struct {
	text    string
	pattern *regexp.Regexp
	typ     gguf.Type
}

// newTyping reads the options about types.
func newTyping(o Options) (typing, error) {
	var t typing
	var errs []error
	var err error
	if t.text, err = findMix(o.Type); err != nil {
		errs = append(errs, err)
	}
	t.vision = t.text.visionMix()
	if o.VisionType != "" {
		if t.vision, err = findMix(o.VisionType); err != nil {
			errs = append(errs, fmt.Errorf("vision: %w", err))
		}
	}
	if o.EmbeddingType != "" {
		e, err := tensorType(o.EmbeddingType)
		if err != nil {
			errs = append(errs, fmt.Errorf("embedding: %w", err))
		}
		t.embedding = &e
	}
	for _, rule := range o.TensorTypes {
		expr, name, found := cutLast(rule, "=")
		if !found {
			errs = append(errs, fmt.Errorf("tensor type %q, want REGEX=TYPE", rule))
			continue
		}
		pattern, err := regexp.Compile(expr)
		if err != nil {
			errs = append(errs, fmt.Errorf("tensor type %q: %w", rule, err))
			continue
		}
		typ, err := tensorType(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("tensor type %q: %w", rule, err))
			continue
		}
		t.rules = append(t.rules, typeRule{rule, pattern, typ})
	}
	return t, errors.Join(errs...)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// tensorTypes are the types that single tensors may have: those of the mixes.
// ggml's smaller ones need an importance matrix.
var tensorTypes = []gguf.Type{
	gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q6_K, gguf.Q5_K, gguf.Q5_0,
	gguf.Q4_K, gguf.Q4_0, gguf.IQ4_NL, gguf.IQ4_XS, gguf.Q3_K, gguf.Q2_K,
}

func tensorType(name string) (gguf.Type, error) {
	t, err := gguf.ParseType(name)
	if err != nil || !slices.Contains(tensorTypes, t) {
		return 0, fmt.Errorf("unknown tensor type %q, want one of %v", name, tensorTypes)
	}
	return t, nil
}

// assign sets the type of every tensor. What was asked for one by one must fit.
func (t typing) assign(list []*tensor, d Dims) error {
	hits := make([]int, len(t.rules))
	var errs []error
	for _, x := range list {
		x.typ = t.choose(x, d)
		if x.role != matrix && x.role != small {
			continue
		}
		asked := false
		if t.embedding != nil && x.name == "token_embd.weight" {
			x.typ, asked = *t.embedding, true
		}
		for i, rule := range t.rules { // the first that matches
			if rule.pattern.MatchString(x.name) {
				x.typ, asked = rule.typ, true
				hits[i]++
				break
			}
		}
		if n := x.rowLen(); asked && n%x.typ.BlockSize() != 0 {
			errs = append(errs, fmt.Errorf("%s: rows of %d are not a multiple of the %d in a block of %v", x.name, n, x.typ.BlockSize(), x.typ))
		}
	}
	for i, rule := range t.rules {
		if hits[i] == 0 {
			errs = append(errs, fmt.Errorf("tensor type %q matches no tensor whose type can be chosen", rule.text))
		}
	}
	return errors.Join(errs...)
}

// choose returns the type that the mixes give a tensor.
func (t typing) choose(x *tensor, d Dims) gguf.Type {
	m := t.vision
	if x.part == Text {
		m = t.text
	}
	switch x.role {
	case vector, rmsNorm:
		return gguf.F32
	case small, plain:
		if m.base == gguf.F32 || m.base == gguf.BF16 { // BF16 has no place in ggml's convolutions; F32 holds it exactly
			return gguf.F32
		}
		return gguf.F16
	}
	if x.part != Text {
		return fit(m.base, x.rowLen())
	}
	stem, layer := stemAndLayer(x.name)
	return fit(m.textType(stem, layer, d), x.rowLen())
}

// stemAndLayer splits "blk.12.attn_v.weight" into "attn_v" and 12.
func stemAndLayer(name string) (stem string, layer int) {
	stem = strings.TrimSuffix(name, ".weight")
	if rest, ok := strings.CutPrefix(stem, "blk."); ok {
		number, after, _ := strings.Cut(rest, ".")
		layer, _ = strconv.Atoi(number) // the registry made the name
		stem = after
	}
	return stem, layer
}
