package convert

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/spm"
)

// A converted checkpoint is the output of an earlier conversion. The next output
// has the same names, shapes and values.
type converted interface {
	tokenizer() *gguf.File // the file that holds it
	checkpoint
	config() (Config, error)
	metadata(c Config, m mix) ([]KV, error) // of the output, but for its name
}

// planGGUF plans a change of types of a converted checkpoint.
func (j *job) planGGUF(ctx context.Context, g converted, src, dst string, types typing) error {
	o := j.options
	switch {
	case o.Split:
		return fmt.Errorf("%s: the two-file form is made from the original checkpoint, not from a GGUF file", src)
	case len(o.Adapters) > 0:
		return fmt.Errorf("%s: adapters are merged when the original checkpoint is converted, not into a GGUF file", src)
	case o.Tokenizer != "":
		return fmt.Errorf("%s: has its tokenizer already, %s cannot replace it", src, o.Tokenizer)
	}
	c, err := g.config()
	if err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if err := checkTokenizer(ctx, g.tokenizer(), c.Vocab); err != nil {
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
		if t.from.typ.Quantized() && t.typ != t.from.typ && !o.Requantize {
			return fmt.Errorf("%s: %s is %v, to become %v: %w", src, t.name, t.from.typ, t.typ, ErrQuantized)
		}
	}
	keys, err := g.metadata(c, types.text)
	if err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	for i, k := range keys {
		if k.Key == hparams.NameKey && o.Name != "" {
			keys[i].Value = o.Name
		}
	}
	j.plan = &Plan{
		Source: src, Format: GGUF, Config: c,
		Outputs: []Output{{Path: filepath.Clean(dst), Metadata: keys, Tensors: planned(j.tensors)}},
	}
	return nil
}

// checkTokenizer refuses a tokenizer with which the output would not open.
func checkTokenizer(ctx context.Context, f *gguf.File, vocab int) error {
	v, err := hparams.ReadTokenizer(f, vocab)
	if err == nil {
		_, err = guard.Leave(ctx, func() (*spm.Tokenizer, error) { return spm.New(spm.Vocabulary(v)) })
	}
	return err
}

func (g *ggufFile) tokenizer() *gguf.File { return g.File }

// config is ReadConfig, which fails for half a model.
func (g *ggufFile) config() (Config, error) {
	if err := hparams.CheckWhole(g.File); err != nil {
		return Config{}, err
	}
	switch arch, err := gguf.Get[string](g.File, hparams.ArchitectureKey); {
	case err != nil:
		return Config{}, err
	case arch == hparams.Projector || arch == string(Gemma) || arch == string(Gemma2):
		return Config{}, fmt.Errorf("%s is %q: %w", hparams.ArchitectureKey, arch, ErrHalf)
	}
	return ReadConfig(g.File)
}

// metadata returns the entries of the file, in its order, with those changed that
// the config and the mix change. A mask decoder that is added has its key last.
func (g *ggufFile) metadata(c Config, m mix) ([]KV, error) {
	model, err := hparams.Read(g.File, g.File)
	if err != nil {
		return nil, err
	}
	if n := model.Vision.PaddedMLP; n != c.PaddedMLP() {
		return nil, fmt.Errorf("%s is %d, but the tensors have %d rows", hparams.PaddedMLPKey, n, c.PaddedMLP())
	}
	model.Vision.Resampling, model.MaskWidth = c.Resample, c.MaskWidth
	changed := append(entries(model.OneFile()), KV{hparams.FileTypeKey, m.code})
	var list []KV
	for _, k := range g.Keys() {
		if gguf.IsSplitKey(k.Name) { // of a split that gave a single file
			continue
		}
		value, err := g.Value(k.Name)
		if err != nil {
			return nil, err
		}
		for _, kv := range changed {
			if kv.Key == k.Name {
				value = kv.Value
			}
		}
		list = append(list, KV{k.Name, value})
	}
	if !g.Has(hparams.MaskWidthKey) && c.MaskWidth > 0 {
		list = append(list, KV{hparams.MaskWidthKey, uint32(c.MaskWidth)})
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
			if _, there := arrays[headName]; there && p.gguf == "output_norm.weight" {
				find(headName, Text, matrix, d.stored("V D"))
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
