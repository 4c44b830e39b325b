package paligemma

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/schedule"
	"github.com/pgcli/paligemma/internal/siglip"
	"github.com/pgcli/paligemma/internal/spm"
	"github.com/pgcli/paligemma/kernels"
)

// A Model is an open file with its weights placed on a device. It is immutable
// and safe for concurrent use by multiple goroutines.
type Model struct {
	cfg    Config
	opts   Options
	lib    *bindings.Lib
	device bindings.Device
	files  []*gguf.File
	stores []*nn.Store
	mapped bool // weights are used where the files are mapped

	estimates bool   // it has no weights: see Estimate
	planned   Memory // of the model with one session; zero if there is plenty
	kernels   bool   // package kernels computes, not ggml
	level     kernels.Level
	encoder   *siglip.Encoder
	gemma     *gemma.Decoder
	masks     *locseg.Decoder // nil if the file has none
	tok       *spm.Tokenizer
	locseg    func() (locseg.IDs, error) // looked up once

	backend *nn.Backend                          // the device and the threads, for whoever computes
	decoder *decode.Decoder                      // computes tokens; the scheduler calls it
	turns   *schedule.Scheduler[*decode.Request] // shares the device among sessions and pictures

	mu      sync.Mutex
	users   int       // sessions and running encoders
	caches  int       // bytes of the sessions' caches
	ending  int       // computations that were cancelled and end in the background
	closing int       // bytes of the caches among caches that are about to be free
	ended   sync.Cond // signals that one of either has ended
	closed  bool

	behind chan struct{} // full while a decoder of a picture is left behind
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

// ID returns the id of a piece of the tokenizer, such as "<loc0000>".
func (m *Model) ID(piece string) (id int32, ok bool) { return m.tok.ID(piece) }

// EOS returns the id that ends an answer.
func (m *Model) EOS() int32 { return m.tok.EOS() }

// everything returns the range of all ids.
func (m *Model) everything() []grammar.Range { return grammar.All(m.cfg.Vocabulary) }

// made refuses a model that is nil, as after an Open that failed, or a zero value.
func (m *Model) made() error {
	if m == nil || m.tok == nil {
		return fmt.Errorf("paligemma: model: not made by Open or New: %w", ErrClosed)
	}
	return nil
}

// hold counts a user of the model in: the model cannot be closed until release
// counts the user out.
func (m *Model) hold() error {
	if err := m.made(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("paligemma: model: %w", ErrClosed)
	}
	m.users++
	return nil
}

// checkFiles returns an ErrFileChanged if a file has changed whose weights are used
// where it is mapped.
func (m *Model) checkFiles() error {
	if !m.mapped {
		return nil
	}
	for _, f := range m.files {
		if err := f.Changed(); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users--
}

// afterAll calls free for what a computation under ctx used. A computation that
// ctx cut short may still be inside a long operation, which free waits for: then
// free runs in the background, and only Close waits.
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
// encoded, and waits for computations that were cancelled. It is safe on nil and
// when closed.
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
	m.decoder.Close()
	errs := []error{m.backend.Close()}
	for _, s := range m.stores {
		errs = append(errs, s.Close())
	}
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
