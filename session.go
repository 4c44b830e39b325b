package paligemma

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/spm"
)

// A Session answers one prompt at a time and holds its key-value cache. It is
// not safe for concurrent use; a model may have any number of sessions.
type Session struct {
	model   *Model
	backend *nn.Backend
	cache   *gemma.Cache
	step    *step   // graph of one generated token; nil until needed
	heads   []*head // graphs of logits, made when needed
	best    *head   // graph of what all logits come to, made when needed
	picker  *picker // graph of the likeliest tokens' logits, made when needed

	length  int         // tokens in the cache
	hidden  []float32   // [d] of the last token, which the head reads; nil before Prefill
	pending int32       // chosen, but not in the cache yet; NoID for none
	answer  []int32     // chosen since Prefill
	text    *spm.Stream // of the answer
	stop    Stop
	busy    sync.WaitGroup // prompts, until freed
	closed  bool

	prompt              int // tokens of the prompt
	prefilled, decoding time.Duration
}

// NewSession returns a session with room for the model's Context tokens. Most
// callers want Model.Run. The caller must Close it.
func (m *Model) NewSession() (*Session, error) {
	if err := m.hold(); err != nil {
		return nil, err
	}
	s := &Session{model: m, pending: NoID}
	typ := gguf.F16
	if m.opts.CacheF32 {
		typ = gguf.F32
	}
	var err error
	if s.backend, err = m.newBackend(); err == nil {
		s.cache, err = gemma.NewCache(s.backend, m.cfg.text, m.opts.Context, typ)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("paligemma: session: %w", err)
	}
	return s, nil
}

// Close frees the session. It is safe on nil and when closed.
func (s *Session) Close() error {
	if s == nil || s.closed {
		return nil
	}
	s.closed = true
	s.step.close() // this and the next four wait for a computation that was abandoned
	s.closeHeads()
	s.best.close()
	s.picker.close()
	s.busy.Wait()
	s.backend.Close()
	if s.cache != nil {
		s.cache.Close()
	}
	s.model.release()
	return nil
}

// Prefill starts over with pictures and a prompt, computed as one prefix in
// which everything sees everything. The pictures must be of this model.
func (s *Session) Prefill(ctx context.Context, images []*Image, p Prompt) error {
	start := time.Now()
	ids := s.model.PromptIDs(p)
	n := len(images)*s.model.cfg.ImageTokens + len(ids)
	switch {
	case s.closed:
		return fmt.Errorf("paligemma: session: %w", ErrClosed)
	case n >= s.cache.Len:
		return fmt.Errorf("paligemma: prompt of %d tokens in a context of %d: %w", n, s.cache.Len, ErrContextFull)
	}
	var soft []float32
	for i, img := range images {
		if img == nil || img.model != s.model {
			return fmt.Errorf("paligemma: picture %d was not encoded by this model", i+1)
		}
		soft = append(soft, img.tokens...)
	}
	s.hidden, s.length, s.pending, s.answer = nil, 0, NoID, nil
	hidden, err := s.prefill(ctx, soft, ids)
	if err != nil {
		return fmt.Errorf("paligemma: prompt: %w", err)
	}
	s.hidden, s.length, s.prompt, s.text = hidden, n, n, s.model.tok.Stream()
	s.prefilled, s.decoding = time.Since(start), 0
	return nil
}

// PromptIDs returns a prompt's ids as they follow the pictures: <bos>, the
// text, a newline. The newline is a token of its own whatever the text ends in.
func (m *Model) PromptIDs(p Prompt) []int32 {
	ids := append([]int32{m.tok.BOS()}, m.tok.Encode(string(p))...)
	return append(ids, m.tok.Encode("\n")...)
}

// prefill computes the prefix of soft tokens [d, n] and ids, and returns what
// the head reads of its last token [d].
func (s *Session) prefill(ctx context.Context, soft []float32, ids []int32) ([]float32, error) {
	c := s.model.cfg.text
	nSoft := len(soft) / c.Width
	n := nSoft + len(ids)
	batches := (n + s.model.opts.Batch - 1) / s.model.opts.Batch
	g, err := nn.NewGraph(s.backend, c.Nodes(batches, min(n, s.model.opts.Batch), n), s.model.opts.Trace)
	if err != nil {
		return nil, err
	}
	s.busy.Add(1)
	defer s.model.afterAll(ctx, func() {
		g.Close()
		s.busy.Done()
	})

	text := g.Input("ids", gguf.I32, len(ids))
	x := s.model.decoder.Embed(g, text) // [d, n]
	var image nn.Tensor
	if nSoft > 0 {
		image = g.Input("image", gguf.F32, c.Width, nSoft)
		x = g.Concat(image, x, 1)
	}
	x = g.Tap("prefix", x)
	cut, positions := s.cut(g, x)
	last := s.model.decoder.Forward(g, cut, s.cache, gemma.Keys{Len: n})
	out := s.model.decoder.Final(g, last) // [d, 1]
	if err := g.Compile(out); err != nil {
		return nil, err
	}
	if err := nn.Set(g, text, ids); err != nil {
		return nil, err
	}
	if nSoft > 0 {
		if err := nn.Set(g, image, soft); err != nil {
			return nil, err
		}
	}
	for i, b := range cut {
		if err := nn.Set(g, b.Pos, positions[i]); err != nil {
			return nil, err
		}
	}
	if err := g.Compute(ctx); err != nil {
		return nil, err
	}
	hidden := make([]float32, c.Width)
	return hidden, nn.Get(g, out, hidden)
}

// cut splits the prefix x [d, n] into batches, with their positions.
func (s *Session) cut(g *nn.Graph, x nn.Tensor) (cut []gemma.Batch, positions [][]int32) {
	size := s.model.opts.Batch
	for start := 0; start < x.Dim(1); start += size {
		n := min(size, x.Dim(1)-start)
		cut = append(cut, gemma.Batch{
			X:     g.View(x, []int{0, start}, x.Dim(0), n),
			Pos:   g.Input("positions", gguf.I32, n),
			Start: start,
		})
		places := make([]int32, n)
		for i := range places {
			places[i] = int32(start + i)
		}
		positions = append(positions, places)
	}
	return cut, positions
}
