package paligemma

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/spm"
)

// Open reads the GGUF file at path, which must be a regular file, and places its
// weights on a device. A nil opts means the defaults. The caller must Close the model.
func Open(path string, opts *Options) (*Model, error) {
	return OpenContext(context.Background(), path, opts)
}

// OpenContext is Open that returns the context's cause soon after ctx ends: a large
// file takes seconds. The model does not depend on ctx.
func OpenContext(ctx context.Context, path string, opts *Options) (*Model, error) {
	if ctx == nil {
		return nil, fmt.Errorf("paligemma: %s: %w", path, errNilContext)
	}
	text, err := gguf.Open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("paligemma: %w", err)
	}
	m, err := newModel(ctx, text, opts)
	if err != nil {
		return nil, fmt.Errorf("paligemma: %s: %w", path, err)
	}
	return m, nil
}

// New is Open for a file in memory, which must not change until Close.
func New(file []byte, opts *Options) (*Model, error) {
	text, err := gguf.New(bytes.NewReader(file), int64(len(file)))
	if err == nil {
		var m *Model
		if m, err = newModel(context.Background(), text, opts); err == nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("paligemma: %w", err)
}

// newModel opens the model of a file, which it closes if it fails.
func newModel(ctx context.Context, text *gguf.File, opts *Options) (*Model, error) {
	return (&Model{files: []*gguf.File{text}}).open(ctx, text, opts)
}

// open opens the model of a file; if it fails or panics it closes both.
func (m *Model) open(ctx context.Context, text *gguf.File, opts *Options) (*Model, error) {
	m.ended.L, m.behind = &m.mu, make(chan struct{}, 1)
	if err := guard.Run(func() error { return m.fill(ctx, text, opts) }); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// fill sets the fields of a model of a file.
func (m *Model) fill(ctx context.Context, text *gguf.File, opts *Options) (err error) {
	if opts != nil {
		m.opts = *opts
	}
	if err := m.opts.check(); err != nil {
		return &optionsError{err}
	}
	projector := text
	if path := m.opts.Projector; path != "" {
		if projector, err = gguf.Open(ctx, path); err != nil {
			return err
		}
		m.files = append(m.files, projector)
	}
	if m.cfg, err = newConfig(text, projector); err != nil {
		return err
	}
	if m.tok, err = newTokenizer(ctx, text, m.cfg.Vocabulary); err != nil {
		return err
	}
	m.locseg = sync.OnceValues(func() (locseg.IDs, error) { return locseg.FindIDs(m.tok.ID) })
	if m.masks, err = maskDecoder(text, m.cfg.maskWidth); err != nil {
		return err
	}
	if m.opts.Context == 0 {
		m.opts.Context = min(m.cfg.ImageTokens+512, m.cfg.Context)
	}
	m.cfg.Session = m.opts.Context
	if !m.estimates {
		if err := m.checkMemory(ctx, projector); err != nil {
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := m.place(ctx); err != nil {
		return err
	}
	for _, f := range m.files { // before its weights were copied
		if err := f.Changed(); err != nil {
			return err
		}
	}
	m.logAdvice()
	return m.build(projector)
}

// newTokenizer reads the tokenizer of an embedding of vocab rows. When ctx ends it
// leaves a goroutine behind that ends by itself: making a tokenizer takes a while.
func newTokenizer(ctx context.Context, f *gguf.File, vocab int) (*spm.Tokenizer, error) {
	v, err := hparams.ReadTokenizer(f, vocab)
	if err != nil {
		return nil, err
	}
	return guard.Leave(ctx, func() (*spm.Tokenizer, error) { return spm.New(spm.Vocabulary(v)) })
}
