package convert

import (
	"fmt"
	"path/filepath"

	"github.com/pgcli/paligemma/gguf"
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
	if j.tensors, err = resolveGGUF(j.ck, c.Dims); err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if err := types.assign(j.tensors, c.Dims); err != nil {
		return err
	}
	for _, t := range j.tensors {
		if quantized(t.from.typ) && t.typ != t.from.typ && !o.Requantize {
			return fmt.Errorf("%s: %s is %v already; making it %v loses more than starting from the original, and has to be allowed", src, t.name, t.from.typ, t.typ)
		}
	}
	keys, err := copyMetadata(g.File, c, types.text, o.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", src, err)
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

// resolveGGUF finds every tensor of the registry under its own name.
func resolveGGUF(ck checkpoint, d Dims) ([]*tensor, error) {
	var list []*tensor
	var bad MismatchError
	arrays := map[string]array{}
	for _, a := range ck.arrays() {
		arrays[a.name] = a
	}
	for _, p := range registry {
		if !p.in(d.Family) {
			continue
		}
		for layer := range p.count(d) {
			name, shape := p.name(p.gguf, layer), d.stored(p.shape)
			a, there := arrays[name]
			delete(arrays, name)
			switch problem := misfitStored(a, p.role, shape); {
			case !there:
				bad.Missing = append(bad.Missing, fmt.Sprintf("%s %v", name, shape))
			case problem != "":
				bad.Misshaped = append(bad.Misshaped, problem)
			default:
				role := p.role
				if role == rmsNorm { // 1 was added when the file was made
					role = vector
				}
				list = append(list, &tensor{name: name, part: p.part, role: role, shape: shape, ck: ck, from: a, inner: shape})
			}
		}
	}
	for _, a := range ck.arrays() {
		if _, left := arrays[a.name]; left {
			bad.Unexpected = append(bad.Unexpected, a.String())
		}
	}
	return list, bad.orNil()
}
