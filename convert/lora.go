package convert

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/gguf"
)

// A lora is one adapter whose files are open.
type lora struct {
	ck     checkpoint
	arrays map[string]array
	config adapterConfig
	scale  float64 // from the user
}

// openAdapters reads the adapters' headers and attaches their changes to the
// tensors. Anything in an adapter that no tensor takes is an error.
func openAdapters(adapters []Adapter, tensors []*tensor) (list []*lora, err error) {
	var errs []error
	for _, adapter := range adapters {
		l, err := openAdapter(adapter)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, l)
		if err := l.attach(tensors); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", adapter.Dir, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		for _, l := range list {
			l.ck.Close()
		}
		return nil, err
	}
	return list, nil
}

func openAdapter(adapter Adapter) (*lora, error) {
	if adapter.Scale == 0 || adapter.Scale-adapter.Scale != 0 {
		return nil, fmt.Errorf("%s: scale is %v, want a number other than 0", adapter.Dir, adapter.Scale)
	}
	c, err := readAdapterConfig(adapter.Dir)
	if err != nil {
		return nil, err
	}
	const name = "adapter_model.safetensors"
	if !exists(filepath.Join(adapter.Dir, name)) && exists(filepath.Join(adapter.Dir, "adapter_model.bin")) {
		return nil, fmt.Errorf("%s: has adapter_model.bin, a pickle; save the adapter with safe_serialization", adapter.Dir)
	}
	ck, err := openShards(adapter.Dir, []string{name}, nil)
	if err != nil {
		return nil, err
	}
	l := &lora{ck: ck, arrays: map[string]array{}, config: c, scale: adapter.Scale}
	for _, a := range ck.arrays() {
		l.arrays[a.name] = a
	}
	return l, nil
}

// modulePrefix stands before the names of the model's modules in PEFT's files.
const modulePrefix = "base_model.model."

// attach finds the tensors that the adapter changes.
func (l *lora) attach(tensors []*tensor) error {
	targets := map[string]*tensor{} // by module name, in every layout
	for _, t := range tensors {
		if module, isWeight := strings.CutSuffix(t.module, ".weight"); isWeight {
			for _, prefix := range hfPrefixes[t.part] {
				targets[prefix+module] = t
			}
		}
	}
	var errs []error
	used := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(l.arrays)) {
		module, kind, found := cutLoRA(name)
		t := targets[strings.TrimPrefix(module, modulePrefix)]
		if !found || t == nil || used[name] {
			continue
		}
		var err error
		switch kind {
		case "lora_A", "lora_embedding_A":
			err = l.attachDelta(t, module, kind, used)
		case "weight":
			used[name] = true
			err = l.replace(t, l.arrays[name])
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.arrays)) {
		if !used[name] {
			errs = append(errs, fmt.Errorf("%s matches no weight of the model", l.arrays[name]))
		}
	}
	return errors.Join(errs...)
}

// cutLoRA splits the name of an adapter's array into module and kind.
func cutLoRA(name string) (module, kind string, found bool) {
	stem := strings.TrimSuffix(name, ".weight")
	for _, kind := range []string{"lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B"} {
		if module, found := strings.CutSuffix(stem, "."+kind); found {
			return module, kind, true
		}
	}
	return stem, "weight", stem != name
}

// attachDelta adds the pair of matrices of one module.
func (l *lora) attachDelta(t *tensor, module, kind string, used map[string]bool) error {
	suffix := ".weight"
	if kind == "lora_embedding_A" { // parameters of their own, not of a layer
		suffix = ""
	}
	nameA := module + "." + kind + suffix
	nameB := strings.TrimSuffix(module+"."+kind, "A") + "B" + suffix
	a, b := l.arrays[nameA], l.arrays[nameB]
	used[nameA], used[nameB] = true, true
	if b.name == "" {
		return fmt.Errorf("%s is there without %s", nameA, nameB)
	}
	key := strings.TrimPrefix(module, modulePrefix)
	d := &delta{
		from: l, a: a, b: b, rank: l.config.rank(key), scale: l.config.scale(key) * l.scale,
		embedding: kind == "lora_embedding_A",
	}
	out, in := rows(t.inner), cols(t.inner)
	wantA, wantB := []int{d.rank, in}, []int{out, d.rank}
	haveA, haveB := matrixShape(a.shape), matrixShape(b.shape)
	if d.embedding {
		wantA, wantB = []int{d.rank, out}, []int{in, d.rank}
		if len(haveA) == 2 && haveA[1] > out && haveA[1] <= out+maxSpareRows {
			haveA[1] = out // rows beyond the tokenizer's pieces, as in the weights
		}
	}
	if !slices.Equal(haveA, wantA) || !slices.Equal(haveB, wantB) {
		return fmt.Errorf("%s and %s, want %v and %v for rank %d", a, b, wantA, wantB, d.rank)
	}
	for _, m := range []array{a, b} {
		if !isFloat(m.typ) {
			return fmt.Errorf("%s, want f32, f16 or bf16", m)
		}
	}
	t.deltas = append(t.deltas, d)
	return nil
}

// replace takes a weight that was trained as a whole (modules_to_save).
func (l *lora) replace(t *tensor, a array) error {
	have := slices.Clone(a.shape)
	if t.name == "token_embd.weight" && len(have) == 2 && have[0] > t.inner[0] && have[0] <= t.inner[0]+maxSpareRows {
		have[0] = t.inner[0]
	}
	switch {
	case l.scale != 1:
		return fmt.Errorf("%s is a whole weight, which the scale %v cannot apply to", a.name, l.scale)
	case !slices.Equal(have, t.inner):
		return fmt.Errorf("%s, want shape %v", a, t.inner)
	case !isFloat(a.typ):
		return fmt.Errorf("%s, want f32, f16 or bf16", a)
	case len(t.deltas) > 0:
		return fmt.Errorf("%s replaces a weight that an adapter before it changes", a.name)
	}
	t.ck, t.from, t.slice, t.place = l.ck, a, 0, grid{}
	return nil
}

// matrixShape flattens the shape of a convolution's kernel to [out, in].
func matrixShape(shape []int) []int {
	if len(shape) < 2 {
		return shape
	}
	return []int{rows(shape), cols(shape)}
}

func isFloat(t gguf.Type) bool { return t == gguf.F32 || t == gguf.F16 || t == gguf.BF16 }
