package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/legible"
)

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
	return t, legible.Join(errs...)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// tensorTypes are the types that single tensors may have: the types of the mixes.
// ggml's smaller types need an importance matrix.
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

// assign sets the type of every tensor. A type that the user asked for by name must
// fit the tensor's rows.
func (t typing) assign(list []*tensor, d Dims) error {
	hits := make([]int, len(t.rules))
	var errs []error
	for _, x := range list {
		x.typ = t.choose(x, d)
		if x.role != matrix && x.role != small {
			continue
		}
		asked := false
		if t.embedding != nil && x.perToken() {
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
	return legible.Join(errs...)
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
