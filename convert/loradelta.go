package convert

import (
	"fmt"
	"slices"
	"strings"
)

// takeDelta takes the matrices of one module, and what goes with them.
func (l *lora) takeDelta(m *model, module string, arrays map[string]array) error {
	kindOfA, kindOfB := kindA, kindB
	if _, there := arrays[kindEmbeddingA]; there {
		kindOfA, kindOfB = kindEmbeddingA, kindEmbeddingB
	}
	t := m.target(module + ".weight")
	if t == nil || arrays[kindOfA].name == "" {
		return nil
	}
	a, _ := l.take(arrays, kindOfA)
	b, there := l.take(arrays, kindOfB)
	if !there {
		return fmt.Errorf("%s is there without %s", a.name, strings.Replace(a.name, "_A", "_B", 1))
	}
	d := &delta{
		from: l, a: a, b: b, rank: l.config.rank(module), scale: l.config.scale(module) * l.scale,
		embedding: kindOfA == kindEmbeddingA,
	}
	if err := d.check(t); err != nil {
		return err
	}
	if err := l.takeMagnitude(d, t, arrays); err != nil {
		return err
	}
	t.edits = append(t.edits, d)
	if t == m.embedding() && m.head == nil {
		m.note("%s: %s changes the embedding, which is the output head as well, as PEFT's merge_and_unload does; unmerged, the adapter changes one of the two",
			l.config.path, module)
	}
	return l.takeBias(m, module, arrays, d.scale)
}

// check compares the shapes of both matrices with the tensor's.
func (d *delta) check(t *tensor) error {
	out, in := rows(t.inner), cols(t.inner)
	wantA, wantB := []int{d.rank, in}, []int{out, d.rank}
	haveA, haveB := matrixShape(d.a.shape), trimRows(matrixShape(d.b.shape), 0, t)
	if d.embedding {
		wantA, wantB = []int{d.rank, out}, []int{in, d.rank}
		haveA, haveB = trimRows(d.a.shape, 1, t), d.b.shape
	}
	if !slices.Equal(haveA, wantA) || !slices.Equal(haveB, wantB) {
		return fmt.Errorf("%s and %s, want %v and %v for rank %d", d.a, d.b, wantA, wantB, d.rank)
	}
	for _, m := range []array{d.a, d.b} {
		if !isFloat(m.typ) {
			return fmt.Errorf("%s, want f32, f16 or bf16", m)
		}
	}
	return nil
}

// takeMagnitude takes the lengths that DoRA gives the rows.
func (l *lora) takeMagnitude(d *delta, t *tensor, arrays map[string]array) error {
	a, there := l.take(arrays, kindMagnitude)
	switch {
	case !there && !l.config.DoRA:
		return nil
	case !there:
		return fmt.Errorf("use_dora is true, but %s is there without %s", d.a.name, kindMagnitude)
	case d.embedding:
		return fmt.Errorf("%s: DoRA of an embedding scales columns and is not supported; %s", a.name, mergeFirst)
	case l.scale != 1:
		return fmt.Errorf("%s sets the lengths of rows, which the scale %v cannot apply to", a.name, l.scale)
	case product(trimRows(squeeze(a.shape), 0, t)) != rows(t.inner) || !isFloat(a.typ):
		return fmt.Errorf("%s, want %d values of f32, f16 or bf16", a, rows(t.inner))
	}
	d.magnitude = &a
	return nil
}

// takeBias takes the bias of the second matrix (lora_bias).
func (l *lora) takeBias(m *model, module string, arrays map[string]array, scale float64) error {
	a, there := l.take(arrays, kindBBias)
	if !there {
		return nil
	}
	t := m.target(module + ".bias")
	switch {
	case t == nil:
		return fmt.Errorf("%s: lora_bias adds a bias to a layer that has none, which PEFT cannot merge either; train without lora_bias", a.name)
	case !slices.Equal(a.shape, t.inner) || !isFloat(a.typ):
		return fmt.Errorf("%s, want shape %v of f32, f16 or bf16", a, t.inner)
	}
	t.edits = append(t.edits, &biasDelta{from: l, a: a, scale: scale})
	return nil
}

// takeTokens takes the rows of single tokens (trainable_token_indices).
func (l *lora) takeTokens(m *model, module string, arrays map[string]array) error {
	t := m.target(module + ".weight")
	if t == nil || arrays[kindTokens].name == "" {
		return nil
	}
	a, _ := l.take(arrays, kindTokens)
	ids := l.config.Tokens.of(module)
	switch {
	case !t.perToken():
		return fmt.Errorf("%s: %s has no rows of tokens", a.name, module)
	case l.scale != 1:
		return fmt.Errorf("%s replaces rows, which the scale %v cannot apply to", a.name, l.scale)
	case !slices.Equal(a.shape, []int{len(ids), cols(t.inner)}) || !isFloat(a.typ):
		return fmt.Errorf("%s, want %v of f32, f16 or bf16, for the %d trainable_token_indices of %s", a, []int{len(ids), cols(t.inner)}, len(ids), l.config.path)
	}
	for _, id := range ids {
		if id < 0 || id >= rows(t.inner)+maxSpareRows {
			return fmt.Errorf("%s: trainable_token_indices has %d, but the tokenizer has %d pieces", l.config.path, id, rows(t.inner))
		}
	}
	t.edits = append(t.edits, &tokenRows{from: l, a: a, ids: ids})
	return nil
}

// matrixShape flattens the shape of a convolution's kernel to [out, in].
func matrixShape(shape []int) []int {
	if len(shape) < 2 {
		return shape
	}
	return []int{rows(shape), cols(shape)}
}

// squeeze leaves out axes of length 1: a convolution's magnitudes are [1, out, 1, 1].
func squeeze(shape []int) []int {
	return slices.DeleteFunc(slices.Clone(shape), func(n int) bool { return n == 1 })
}
