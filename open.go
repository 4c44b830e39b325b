package paligemma

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/siglip"
	"github.com/pgcli/paligemma/internal/spm"
	"github.com/pgcli/paligemma/kernels"
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

// newModel takes over text, also when it fails.
func newModel(text *gguf.File, opts *Options) (_ *Model, err error) {
	m := &Model{files: []*gguf.File{text}}
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
		return nil, err
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
	if m.masks, err = maskDecoder(&keys{f: text}); err != nil {
		return nil, err
	}
	if m.opts.Context == 0 {
		m.opts.Context = min(m.cfg.ImageTokens+512, m.cfg.Context)
	}
	if err := m.place(); err != nil {
		return nil, err
	}
	return m, m.build(projector)
}

// check refuses options out of range and fills in defaults.
func (o *Options) check() error {
	if o.Threads == 0 {
		o.Threads = kernels.DefaultThreads()
	}
	if o.Batch == 0 {
		o.Batch = 512
	}
	if o.LocScale == 0 {
		o.LocScale = locseg.Locs
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = imageproc.DefaultMaxPixels
	}
	for _, v := range []struct {
		name  string
		value int
		most  int
	}{{"threads", o.Threads, 1 << 10}, {"context", o.Context, 1 << 20}, {"batch", o.Batch, 1 << 20}, {"max pixels", o.MaxPixels, 1 << 40}} {
		if v.value < 0 || v.value > v.most {
			return fmt.Errorf("%s is %d, want 0 to %d", v.name, v.value, v.most)
		}
	}
	if o.LocScale != locseg.Locs && o.LocScale != locseg.Locs-1 {
		return fmt.Errorf("loc scale is %d, want %d or %d", o.LocScale, locseg.Locs, locseg.Locs-1)
	}
	return nil
}

// place loads the engine and puts the files' tensors on the device.
func (m *Model) place() (err error) {
	if m.lib, err = openEngine(&m.opts.Engine); err != nil {
		return err
	}
	if m.opts.Logger != nil {
		m.lib.SetLogger(m.opts.Logger)
	}
	if m.opts.Device == "" {
		m.device, err = m.lib.CPU()
	} else {
		m.device, err = m.lib.Device(m.opts.Device)
	}
	if err != nil {
		return err
	}
	lists := make([][]nn.Spec, len(m.files))
	for i, f := range m.files {
		if lists[i], err = specs(f); err != nil {
			return err
		}
	}
	if m.kernels, err = m.useKernels(slices.Concat(lists...)); err != nil {
		return err
	}
	for i, f := range m.files {
		data, err := f.Contents()
		if err != nil {
			return err
		}
		var s *nn.Store
		if m.kernels {
			s, err = nn.PackStore(m.device, "model", data, lists[i], m.opts.Threads)
		} else {
			s, err = nn.MapStore(m.device, "model", data, lists[i], true)
		}
		if err != nil {
			return err
		}
		m.stores = append(m.stores, s)
	}
	return nil
}

// specs describes the tensors that the engine computes with.
func specs(f *gguf.File) ([]nn.Spec, error) {
	var list []nn.Spec
	for _, t := range f.Tensors() {
		if isMask(t.Name) {
			continue
		}
		if !bindings.Known(t.Type) {
			return nil, fmt.Errorf("tensor %s is of type %v, which cannot be computed with", t.Name, t.Type)
		}
		shape := t.Shape
		if t.Name == "v.patch_embd.weight" && len(shape) == 4 && shape[0] == shape[1] && shape[2] == 3 {
			shape = []int{shape[0] * shape[1] * 3, shape[3]} // a convolution whose stride is its size
		}
		list = append(list, nn.Spec{
			Copied: func() { f.Forget(t) },
			Name:   t.Name, Type: t.Type, Shape: shape, Offset: int(t.Offset),
			Product: len(shape) == 2 && t.Name != "token_embd.weight" && t.Name != "v.position_embd.weight",
		})
	}
	return list, nil
}

// build makes the towers of the tensors; the error names every tensor that is
// missing or has another shape.
func (m *Model) build(projector *gguf.File) error {
	text := nn.NewWeights(m.stores[0])
	vision := text
	if len(m.stores) > 1 {
		vision = nn.NewWeights(m.stores[1])
	}
	m.decoder = gemma.New(text, m.cfg.text)
	m.encoder = siglip.New(vision, m.cfg.vision)
	if len(m.stores) > 1 {
		return errors.Join(text.Err(), vision.Err())
	}
	return text.Err()
}

// newTokenizer reads the tokenizer, which must have a piece for each row of
// the embedding.
func newTokenizer(f *gguf.File, vocabulary int) (*spm.Tokenizer, error) {
	k := &keys{f: f}
	v := spm.Vocabulary{
		Pieces: read[[]string](k, "tokenizer.ggml.tokens"),
		Scores: read[[]float32](k, "tokenizer.ggml.scores"),
		Types:  read[[]int32](k, "tokenizer.ggml.token_type"),
		BOS:    k.id("tokenizer.ggml.bos_token_id"),
		EOS:    k.id("tokenizer.ggml.eos_token_id"),
		UNK:    k.id("tokenizer.ggml.unknown_token_id"),
		PAD:    -1,
	}
	if f.Has("tokenizer.ggml.padding_token_id") {
		v.PAD = k.id("tokenizer.ggml.padding_token_id")
	}
	if k.err != nil {
		return nil, k.err
	}
	if len(v.Pieces) != vocabulary {
		return nil, fmt.Errorf("tokenizer.ggml.tokens has %d pieces for an embedding of %d rows", len(v.Pieces), vocabulary)
	}
	return spm.New(v)
}

// decodeOptions returns the options of a session's decoder.
func (m *Model) decodeOptions() decode.Options {
	o := decode.Options{Batch: m.opts.Batch, CacheType: gguf.F16, Trace: m.opts.Trace}
	if m.opts.CacheF32 {
		o.CacheType = gguf.F32
	}
	if ids, err := m.locseg(); err == nil { // the vocabulary has coordinates
		o.Locs = grammar.Range{First: ids.Loc, Last: ids.Loc + locseg.Locs}
	}
	return o
}

// useKernels decides whether package kernels computes, the one place that
// does: all of a model or nothing, as its threads and ggml's would fight.
func (m *Model) useKernels(specs []nn.Spec) (bool, error) {
	asked := m.opts.Kernels
	var reason error
	switch asked {
	case "off":
		if m.opts.Precise {
			return false, errors.New("precise products need kernels, which are off")
		}
		return false, nil
	case "", "auto", "on":
		if len(kernels.Levels()) == 0 {
			reason = kernels.ErrNone
		}
	default:
		m.level, reason = kernels.ParseLevel(asked)
	}
	if reason == nil && m.device.Type() != bindings.CPU {
		reason = fmt.Errorf("%s is no CPU", m.device.Name())
	}
	for _, s := range specs {
		if s.Product && reason == nil && !nn.Packable(s.Type, s.Shape) {
			reason = fmt.Errorf("tensor %s is %v %v, which they do not multiply", s.Name, s.Type, s.Shape)
		}
	}
	switch {
	case reason == nil:
		return true, nil
	case m.opts.Precise:
		return false, fmt.Errorf("precise products need kernels: %w", reason)
	case asked == "" || asked == "auto":
		return false, nil
	}
	return false, fmt.Errorf("kernels %q: %w", asked, reason)
}

// newBackend starts the device as the options say. The caller must Close it.
func (m *Model) newBackend() (*nn.Backend, error) {
	if !m.kernels {
		return nn.NewBackend(m.device, m.opts.Threads)
	}
	b, err := nn.NewKernelBackend(m.device, m.opts.Threads, m.level)
	if err == nil {
		b.Precise = m.opts.Precise
	}
	return b, err
}
