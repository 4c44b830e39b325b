package paligemma

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/spm"
)

// Open maps the GGUF file at path and places its weights on a device. A nil
// opts means the defaults. The caller must Close the model.
func Open(path string, opts *Options) (*Model, error) {
	text, err := gguf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("paligemma: %w", err)
	}
	m, err := newModel(text, opts)
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
		if m, err = newModel(text, opts); err == nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("paligemma: %w", err)
}

// newModel opens the model of a file, which it closes if it fails.
func newModel(text *gguf.File, opts *Options) (*Model, error) {
	return (&Model{files: []*gguf.File{text}}).open(text, opts)
}

// open opens the model of a file; if it fails it closes both.
func (m *Model) open(text *gguf.File, opts *Options) (_ *Model, err error) {
	m.ended.L = &m.mu
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	if opts != nil {
		m.opts = *opts
	}
	if err := m.opts.check(); err != nil {
		return nil, &optionsError{err}
	}
	projector := text
	if path := m.opts.Projector; path != "" {
		if projector, err = gguf.Open(path); err != nil {
			return nil, err
		}
		m.files = append(m.files, projector)
	}
	if m.cfg, err = newConfig(text, projector); err != nil {
		return nil, err
	}
	if m.tok, err = newTokenizer(text, m.cfg.Vocabulary); err != nil {
		return nil, err
	}
	m.locseg = sync.OnceValues(func() (locseg.IDs, error) { return locseg.FindIDs(m.tok.ID) })
	if m.masks, err = maskDecoder(text, m.cfg.maskWidth); err != nil {
		return nil, err
	}
	if m.opts.Context == 0 {
		m.opts.Context = min(m.cfg.ImageTokens+512, m.cfg.Context)
	}
	if err := m.place(); err != nil {
		return nil, err
	}
	m.logAdvice()
	return m, m.build(projector)
}

// newTokenizer reads the tokenizer of an embedding of vocab rows.
func newTokenizer(f *gguf.File, vocab int) (*spm.Tokenizer, error) {
	t, err := hparams.ReadTokenizer(f, vocab)
	if err != nil {
		return nil, err
	}
	return spm.New(spm.Vocabulary(t))
}
