package convert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/legible"
)

// A tensor is one tensor of the output, with the source of its values.
type tensor struct {
	name  string
	part  Part
	role  role
	shape []int // row-major, as in the output
	typ   gguf.Type

	ck    checkpoint
	from  array
	slice int   // which slice of from, if that stacks several
	inner []int // row-major shape of the values in the slice: shape without padding
	place grid  // of those values in the slice

	module string // Hugging Face's name without its prefix, for adapters
	edits  []edit // of the values, in this order
}

// rows and cols see a shape as a matrix. The kernel of the patch convolution
// has a row for each output.
func rows(shape []int) int {
	if len(shape) < 2 {
		return 1
	}
	return shape[0]
}

func cols(shape []int) int { return product(shape) / rows(shape) }

// rowLen returns the length of the rows that ggml quantizes: the last axis.
func (t *tensor) rowLen() int { return t.shape[len(t.shape)-1] }

// bytes returns the size of n elements, whole rows, in the output.
func (t *tensor) bytes(n int) int64 {
	return int64(n/t.typ.BlockSize()) * int64(t.typ.BlockBytes())
}

// A MismatchError lists everything about a checkpoint's arrays that does not
// fit the architecture.
type MismatchError struct {
	Missing    []string
	Unexpected []string
	Misshaped  []string // with their shapes, and those expected

	of string // whose tensors; "" for a PaliGemma's
}

func (e *MismatchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the tensors do not fit %s:", cmp.Or(e.of, "a PaliGemma"))
	for _, group := range []struct {
		title string
		list  []string
	}{{"missing", e.Missing}, {"unexpected", e.Unexpected}, {"of another shape or type", e.Misshaped}} {
		if len(group.list) > 0 {
			fmt.Fprintf(&b, "\n%d %s:\n%s", len(group.list), group.title, legible.Lines(group.list, "  "))
		}
	}
	return b.String()
}

// orNil returns e as an error if it lists anything.
func (e *MismatchError) orNil() error {
	if len(e.Missing)+len(e.Unexpected)+len(e.Misshaped) == 0 {
		return nil
	}
	return e
}

// resolve finds the array of every parameter. The error lists all that are
// missing, left over, or of a wrong shape or type. Later, assign sets the types of
// the output.
func (inv inventory) resolve(d Dims) ([]*tensor, error) {
	var list []*tensor
	var bad MismatchError
	used := map[string]bool{}
	for _, p := range registry {
		if !p.in(d.Family) {
			continue
		}
		_, pattern := inv.source(p, 0)
		_, pattern = d.slice(pattern, 0)
		place := d.grid(p.shape, pattern) // the same in every layer
		for layer := range p.count(d) {
			name, pattern := inv.source(p, layer)
			first := !used[name] // keys and values share an array
			used[name] = true
			a, there := inv.arrays[name]
			if !there {
				if first {
					bad.Missing = append(bad.Missing, fmt.Sprintf("%s %v", name, d.shape(pattern)))
				}
				continue
			}
			if problem := inv.misfit(d, a, pattern); problem != "" {
				if first {
					bad.Misshaped = append(bad.Misshaped, problem)
				}
				continue
			}
			t := &tensor{
				name: p.name(p.gguf, layer), part: p.part, role: p.role, shape: d.stored(p.shape),
				ck: inv.ck, from: a, inner: d.shape(p.shape), place: place, module: p.name(p.hf, layer),
			}
			t.slice, _ = d.slice(pattern, layer)
			list = append(list, t)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inv.arrays)) {
		if !used[name] && !inv.ignored(name) {
			bad.Unexpected = append(bad.Unexpected, inv.arrays[name].String())
		}
	}
	return list, bad.orNil()
}

// misfit describes the fault of an array, "" if it has none. The embedding may
// have more rows than the tokenizer has pieces: Hugging Face adds a row for
// <image> and rounds up. It may have fewer if an adapter may bring another one.
func (inv inventory) misfit(d Dims, a array, pattern string) string {
	want := d.shape(pattern)
	have := slices.Clone(a.shape)
	if pattern[0] == 'V' && len(have) > 0 && have[0] <= d.Vocab+maxSpareRows && (have[0] > d.Vocab || inv.grows) {
		have[0] = d.Vocab
	}
	switch {
	case !slices.Equal(have, want):
		return fmt.Sprintf("%s %v, want %v", a.name, a.shape, want)
	case !isFloat(a.typ):
		return fmt.Sprintf("%s is %v, want f32, f16 or bf16", a.name, a.typ)
	}
	return ""
}

// misfitStored is misfit for a tensor of a file that this package has written.
func misfitStored(a array, r role, want []int) string {
	isVector := r == vector || r == rmsNorm
	switch {
	case !slices.Equal(a.shape, want):
		return fmt.Sprintf("%s %v, want %v", a.name, a.shape, want)
	case isVector && a.typ != gguf.F32:
		return fmt.Sprintf("%s is %v, want f32", a.name, a.typ)
	case r == plain && a.typ != gguf.F32 && a.typ != gguf.F16:
		return fmt.Sprintf("%s is %v, want f32 or f16", a.name, a.typ)
	case !slices.Contains(tensorTypes, a.typ):
		return fmt.Sprintf("%s is %v, want one of %v", a.name, a.typ, tensorTypes)
	}
	return ""
}

// maxSpareRows is the most rows that an embedding may have beyond the pieces of
// its tokenizer: those of a released model, or of a multiple of 512 to which a
// fine-tuning padded it. More of them means that the two do not belong together.
const maxSpareRows = 512

// ignored reports whether an array is known to hold no weights of its own.
func (inv inventory) ignored(name string) bool {
	if inv.format != HuggingFace {
		return false
	}
	return slices.Contains(hfHeads, name) ||
		slices.ContainsFunc(hfIgnored, func(suffix string) bool { return name == inv.prefixes[Vision]+suffix })
}
