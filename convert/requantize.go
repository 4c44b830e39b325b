package convert

import (
	"fmt"
	"path/filepath"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/locseg"
)

// planGGUF plans to change the types of a file that this package has written.
// Names, shapes and values are already those of the output.
func (j *job) planGGUF(g *ggufFile, src, dst string, types typing) error {
	o := j.options
	switch {
	case o.Split:
		return fmt.Errorf("%s: the two-file form is made from the original checkpoint, not from a GGUF file", src)
	case len(o.Adapters) > 0:
		return fmt.Errorf("%s: adapters are merged when the original checkpoint is converted, not into a GGUF file", src)
	case o.Tokenizer != "":
		return fmt.Errorf("%s: has its tokenizer already, %s cannot replace it", src, o.Tokenizer)
	}
	c, err := ReadConfig(g.File)
	if err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if o.Resample != "" {
		c.Resample = o.Resample
	}
	if j.tensors, err = resolveGGUF(j.ck, c); err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if err := j.addMasks(&c); err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if err := types.assign(j.tensors, c.Dims); err != nil {
		return err
	}
	for _, t := range j.tensors {
		if quantized(t.from.typ) && t.typ != t.from.typ && !o.Requantize {
			return fmt.Errorf("%s: %s is %v, to become %v: %w", src, t.name, t.from.typ, t.typ, ErrQuantized)
		}
	}
	keys, err := copyMetadata(g.File, c, types.text, o.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if !g.Has(locseg.WidthKey) {
		keys = append(keys, maskMetadata(c)...)
	}
	j.plan = &Plan{
		Source: src, Format: GGUF, Config: c,
		Outputs: []Output{{Path: filepath.Clean(dst), Metadata: keys, Tensors: planned(j.tensors)}},
	}
	return nil
}

// copyMetadata returns the entries of a file, with what a requantization changes.
func copyMetadata(f *gguf.File, c Config, m mix, name string) ([]KV, error) {
	var list []KV
	for _, k := range f.Keys() {
		value, err := f.Value(k.Name)
		if err != nil {
			return nil, err
		}
		switch {
		case k.Name == "general.file_type":
			value = m.code
		case k.Name == "general.name" && name != "":
			value = name
		case k.Name == "paligemma.vision.resampling":
			value = c.Resample
		}
		list = append(list, KV{k.Name, value})
	}
	return list, nil
}

// resolveGGUF finds every tensor of the registry, and of a mask decoder if the
// file says that it has one, under its own name.
func resolveGGUF(ck checkpoint, c Config) ([]*tensor, error) {
	d := c.Dims
	var list []*tensor
	var bad MismatchError
	arrays := map[string]array{}
	for _, a := range ck.arrays() {
		arrays[a.name] = a
	}
	find := func(name string, part Part, role role, shape []int) {
		a, there := arrays[name]
		delete(arrays, name)
		switch problem := misfitStored(a, role, shape); {
		case !there:
			bad.Missing = append(bad.Missing, fmt.Sprintf("%s %v", name, shape))
		case problem != "":
			bad.Misshaped = append(bad.Misshaped, problem)
		default:
			if role == rmsNorm { // 1 was added when the file was made
				role = vector
			}
			list = append(list, &tensor{name: name, part: part, role: role, shape: shape, ck: ck, from: a, inner: shape})
		}
	}
	for _, p := range registry {
		if p.in(d.Family) {
			for layer := range p.count(d) {
				find(p.name(p.gguf, layer), p.part, p.role, d.stored(p.shape))
			}
		}
	}
	if c.MaskWidth > 0 {
		for _, w := range locseg.Weights(c.MaskWidth) {
			find(w.Name, Mask, plain, w.Shape)
		}
	}
	for _, a := range ck.arrays() {
		if _, left := arrays[a.name]; left {
			bad.Unexpected = append(bad.Unexpected, a.String())
		}
	}
	return list, bad.orNil()
}
