package paligemma

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/siglip"
	"github.com/pgcli/paligemma/internal/spm"
	"github.com/pgcli/paligemma/kernels"
)

// Options choose how a model runs. The zero value is useful.
type Options struct {
	Engine    EngineOptions // which ggml
	Projector string        // file of the tower, when it is apart from the decoder (llama.cpp's two-file form)
	Device    string        // a name from LoadEngine; "" picks the CPU
	Threads   int           // CPU threads; 0 means one per fast physical core
	Kernels   string        // "auto" or "" for our own where they serve, "on" to insist, "off" for ggml's alone, or a level of Engine.Kernels
	Precise   bool          // kernels round activations to 16 bits, not 8, where weights are quantized: nearly exact, and slower
	Context   int           // tokens of a session; 0 means those of a picture + 512
	Batch     int           // tokens computed at a time in a prompt; 0 means 512. It changes speed and memory only.
	CacheF32  bool          // keep keys and values in float32, not float16
	LocScale  int           // coordinates in a picture's side: 1024 (0 means that), or 1023 as in big_vision's RefCOCO models
	MaxPixels int           // larger pictures are refused; 0 means 100 million
	Logger    *slog.Logger  // receives ggml's log; nil discards it
	Trace     TraceFunc     // receives every named activation; nil reads nothing back
}

// A TraceFunc receives each named activation in graph order, such as
// "v.blk.0.attn_out". shape is fastest axis first; values is valid only during
// the call. Sessions of one model may call it at the same time.
type TraceFunc = nn.TraceFunc

// A Model is immutable and safe for concurrent use by multiple goroutines.
type Model struct {
	cfg     Config
	opts    Options
	lib     *bindings.Lib
	device  bindings.Device
	files   []*gguf.File
	stores  []*nn.Store
	kernels bool // compute with package kernels
	level   kernels.Level
	encoder *siglip.Encoder
	decoder *gemma.Decoder
	masks   *locseg.Decoder // nil if the file has none
	tok     *spm.Tokenizer
	locseg  func() (locseg.IDs, error) // looked up once

	mu     sync.Mutex
	users  int       // sessions and running encoders
	ending int       // computations that were cancelled and end in the background
	ended  sync.Cond // signals that one has
	closed bool
}

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

// Config describes the model.
func (m *Model) Config() Config { return m.cfg }

// Tokenize returns the ids of a text, without <bos>, as prompts are cut.
func (m *Model) Tokenize(text string) []int32 { return m.tok.Encode(text) }

// Detokenize returns the text of ids, without control pieces.
func (m *Model) Detokenize(ids []int32) string { return m.tok.Decode(ids) }

// Piece returns the tokenizer's spelling of an id, "" if there is no such id.
func (m *Model) Piece(id int32) string {
	piece, _ := m.tok.Piece(id)
	return piece
}

// EOS is the id that ends an answer.
func (m *Model) EOS() int32 { return m.tok.EOS() }

// hold counts a user of the model in, release one out.
func (m *Model) hold() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("paligemma: model: %w", ErrClosed)
	}
	m.users++
	return nil
}

func (m *Model) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users--
}

// afterAll frees what a computation used. One that ctx cut short may still be
// inside a long operation, which freeing would wait for: then that happens in
// the background, and only Close waits.
func (m *Model) afterAll(ctx context.Context, free func()) {
	if ctx.Err() == nil {
		free()
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ending++
	go func() {
		free()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.ending--
		m.ended.Broadcast()
	}()
}

// Close frees the model. It fails while sessions are open or pictures are being
// encoded, and waits for what was cancelled. It is safe on nil and when closed.
func (m *Model) Close() error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.ending > 0 {
		m.ended.Wait()
	}
	switch {
	case m.closed:
		return nil
	case m.users > 0:
		return fmt.Errorf("paligemma: close model: %d sessions or encoders are in use", m.users)
	}
	m.closed = true
	var errs []error
	for _, s := range m.stores {
		errs = append(errs, s.Close())
	}
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
