package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/hparams"
)

// A pair is a model in llama.cpp's two files, as Options.Split writes them.
type pair struct {
	text, projector *ggufFile
	family          Family
	name            string // of the text half
}

// openPair opens both files and checks that they are halves of one model. Only
// their names tell models of the same sizes apart: the halves must have the same
// general.name, unless the caller gives the whole a name, which says that they
// belong together.
func openPair(ctx context.Context, text, projector, name string) (_ *pair, err error) {
	p := &pair{}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	ck, err := openSource(ctx, text, nil)
	if err != nil {
		return nil, err
	}
	var ok bool
	if p.text, ok = ck.(*ggufFile); !ok {
		ck.Close()
		return nil, fmt.Errorf("%s: a projector goes with the text half of llama.cpp's two files, and this is %s", text, ck.format())
	}
	if p.projector, err = openGGUF(ctx, projector); err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	for _, g := range []*ggufFile{p.text, p.projector} {
		if err := hparams.CheckWhole(g.File); err != nil {
			return nil, fmt.Errorf("%s: %w", g.path, err)
		}
	}
	arch, err := gguf.Get[string](p.text.File, hparams.ArchitectureKey)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	p.family = Family(arch)
	if p.family != Gemma && p.family != Gemma2 {
		return nil, fmt.Errorf("%s: %s is %.40q, want %q or %q beside a projector", text, hparams.ArchitectureKey, arch, Gemma, Gemma2)
	}
	called, err := gguf.Get[string](p.text.File, hparams.NameKey)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	for _, k := range []struct{ key, want string }{
		{hparams.ArchitectureKey, hparams.Projector},
		{hparams.ProjectorTypeKey, hparams.ProjectorType(arch)},
		{hparams.NameKey, called},
	} {
		got, err := gguf.Get[string](p.projector.File, k.key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", projector, err)
		}
		if got != k.want && (k.key != hparams.NameKey || name == "") {
			return nil, fmt.Errorf("%s: %s is %.80q, want %.80q: it does not belong to %s", projector, k.key, got, k.want, text)
		}
	}
	p.name = called
	for _, t := range p.projector.Tensors() {
		if _, err := p.text.Tensor(t.Name); err == nil {
			return nil, fmt.Errorf("tensor %s is in both %s and %s", t.Name, text, projector)
		}
	}
	return p, nil
}

func (p *pair) tokenizer() *gguf.File { return p.text.File }

func (p *pair) format() Format  { return GGUF }
func (p *pair) arrays() []array { return slices.Concat(p.text.list, p.projector.list) }
func (p *pair) paths() []string { return []string{p.text.path, p.projector.path} }

func (p *pair) open(name string) (io.ReadCloser, error) {
	if _, err := p.text.Tensor(name); err == nil {
		return p.text.open(name)
	}
	return p.projector.open(name)
}

func (p *pair) Close() error {
	var errs []error
	for _, g := range []*ggufFile{p.text, p.projector} {
		if g != nil {
			errs = append(errs, g.Close())
		}
	}
	return errors.Join(errs...)
}

// config reads both files. llama.cpp has no key for the scale of queries, and
// derives it.
func (p *pair) config() (Config, error) {
	m, err := hparams.Read(p.text.File, p.projector.File)
	if err != nil {
		return Config{}, fmt.Errorf("with projector %s: %w", p.projector.path, err)
	}
	return configOf(m), nil
}

// metadata returns the entries of the one-file form.
func (p *pair) metadata(c Config, m mix) ([]KV, error) {
	var tokenizer []KV
	for _, k := range p.text.Keys() {
		if strings.HasPrefix(k.Name, hparams.TokenizerPrefix) {
			value, err := p.text.Value(k.Name)
			if err != nil {
				return nil, err
			}
			tokenizer = append(tokenizer, KV{k.Name, value})
		}
	}
	return metadata(c, m, p.name, tokenizer), nil
}
