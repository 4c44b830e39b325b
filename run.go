package paligemma

import (
	"context"
	"fmt"
	"image"
	"iter"
	"strings"
)

// Run answers a prompt about a picture; a nil s means the defaults. Answers to
// detect and segment prompts can only be objects, unless s has a grammar or
// AnyText. The Result is never nil: when ctx ends or the model fails, it holds the
// answer so far, and Stop says so, together with the error. Session.Run with no
// pictures asks without one.
func (m *Model) Run(ctx context.Context, img image.Image, p Prompt, s *Sampling) (*Result, error) {
	c, err := m.converse(ctx, img, p, s)
	if err != nil {
		return failed(ctx, err)
	}
	defer c.close(ctx)
	r, err := c.session.Run(ctx, c.images, p, s)
	r.Timings.Encode = c.images[0].took
	return r, err
}

// Stream is Run for those who show an answer as it comes: it yields tokens. An
// error comes as the last pair, with a zero Token.
func (m *Model) Stream(ctx context.Context, img image.Image, p Prompt, s *Sampling) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		c, err := m.converse(ctx, img, p, s)
		if err == nil {
			defer c.close(ctx)
			err = c.session.Prefill(ctx, c.images, p)
		}
		if err != nil {
			yield(Token{}, err)
			return
		}
		c.session.Tokens(ctx, s.about(p))(yield)
	}
}

// A conversation is what Run, Stream and Choose need: a session and a picture.
type conversation struct {
	session *Session
	images  []*Image
}

// close closes the session. After the end of ctx nobody waits for what others compute.
func (c conversation) close(ctx context.Context) {
	m, cache := c.session.model, c.session.model.cacheBytes()
	count := func(n int) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.closing += n
		m.ended.Broadcast()
	}
	count(cache)
	m.afterAll(ctx, func() {
		c.session.Close()
		count(-cache)
	})
}

// converse checks prompt and sampling, opens a session and encodes the picture. The
// caller closes the session.
func (m *Model) converse(ctx context.Context, img image.Image, p Prompt, s *Sampling) (c conversation, err error) {
	if err := m.made(); err != nil {
		return c, err
	}
	if err := m.checkRoom(p, 1); err != nil {
		return c, err
	}
	if _, err := s.about(p).check(m, nil); err != nil {
		return c, err
	}
	if ctx == nil {
		return c, fmt.Errorf("paligemma: %w", errNilContext)
	}
	if c.session, err = m.newSession(ctx); err != nil {
		return c, err
	}
	defer func() { // also when the picture panics, which is the caller's
		if len(c.images) == 0 {
			c.close(ctx)
		}
	}()
	encoded, err := m.Encode(ctx, img)
	if err != nil {
		return c, err
	}
	c.images = append(c.images, encoded)
	return c, nil
}

// failed is the Result of a Run that failed before the first token.
func failed(ctx context.Context, err error) (*Result, error) {
	return &Result{Stop: stopped(ctx)}, err
}

// stopped says why an answer ended that has an error.
func stopped(ctx context.Context) Stop {
	if over(ctx) {
		return StopCancelled
	}
	return StopFailed
}

// Run is Prefill and Tokens in one: it answers a prompt about pictures that are
// encoded already, with the grammar that Model.Run would use. The Result is never
// nil: when ctx ends or the model fails, it holds the answer so far, and Stop says
// so, together with the error.
func (s *Session) Run(ctx context.Context, images []*Image, p Prompt, sm *Sampling) (*Result, error) {
	if s != nil && s.model != nil { // Prefill refuses the others
		if err := s.model.checkRoom(p, len(images)); err != nil {
			return failed(ctx, err)
		}
		sm = sm.about(p)
		if _, err := sm.check(s.model, nil); err != nil {
			return failed(ctx, err)
		}
	}
	if err := s.Prefill(ctx, images, p); err != nil {
		return failed(ctx, err)
	}
	var r Result
	var text strings.Builder
	end, err := s.generate(ctx, sm, func(t Token) bool {
		if t.ID != NoID {
			r.Tokens = append(r.Tokens, t)
		}
		text.WriteString(t.Text)
		return true
	})
	r.Text, r.Stop, r.Timings = text.String(), end.stop, end.timings
	if err != nil {
		r.Stop = stopped(ctx)
	}
	var size image.Point // of several pictures, nothing says which one a box is in
	if len(images) == 1 {
		size = images[0].bounds.Size()
	}
	r.Objects, r.Problems = s.model.Objects(r.Tokens, size)
	if err == nil && !sm.NoMasks {
		if err = s.model.AddMasks(ctx, r.Objects); err != nil {
			r.Stop = stopped(ctx)
		}
	}
	return &r, err
}
