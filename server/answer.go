package server

import (
	"context"
	"strings"
	"time"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/grammar"
)

// stopText says that an answer ended at a text that the request names.
const stopText paligemma.Stop = "stop"

// A question is one prompt about pictures.
type question struct {
	images   []*paligemma.Image
	prompt   paligemma.Prompt
	sampling paligemma.Sampling
	stops    []string // texts that end the answer, and are not part of it
	top      int      // the likeliest tokens to report at each place
	masks    maskForm // of the objects
	least    float32  // objects with a lower score are left out
}

// A piece is a part of an answer as it comes: text that is certain, and the tokens
// that spell it and perhaps a bit more.
type piece struct {
	text   string
	tokens []scored
}

// A scored token has the likeliest tokens at its place.
type scored struct {
	paligemma.Token
	top []likely
}

// An answer is the answer to a question.
type answer struct {
	paligemma.Result          // its objects have no masks
	found            []found  // Result.Objects
	scored           []scored // Result.Tokens
}

// A held is a slot of the queue, while a request computes.
type held struct {
	server  *Server
	session *paligemma.Session
	request *record
}

// compute waits for a slot and calls f with it. ctx is the request's: its end ends the
// wait with its cause, and the computations of f, so that a client that leaves frees the
// slot. A stream is sent while its slot is held: a client that reads nothing keeps it for
// writeTime at most.
func (s *Server) compute(ctx context.Context, f func(h *held) error) error {
	start, request := time.Now(), recordOf(ctx)
	session, err := s.queue.take(ctx)
	if err != nil {
		return err
	}
	taken := time.Now()
	request.waited = taken.Sub(start)
	defer func() { s.queue.give(session, time.Since(taken)) }()
	return f(&held{s, session, request})
}

// encode returns the soft tokens of picture files, in their order, and the time that it
// took, which is next to nothing for a picture that is remembered. The error about a file
// that is not a picture is a paligemma.ErrRequest.
func (h *held) encode(ctx context.Context, files [][]byte) (images []*paligemma.Image, took time.Duration, err error) {
	start := time.Now()
	for _, file := range files {
		img, err := h.server.pictures.encode(ctx, file)
		if err != nil {
			return nil, 0, err
		}
		images = append(images, img)
	}
	took = time.Since(start)
	h.server.metrics.stage("encode", took)
	return images, took, nil
}

// ask answers a question. It calls begun once the prompt is read, and each with the
// pieces of the answer; both may be nil, and end the answer with an error. A prompt to
// detect or segment has the grammar of such answers unless Sampling.AnyText is set. The
// answer's Timings.Encode is 0: the caller knows it.
func (h *held) ask(ctx context.Context, q question, begun func() error, each func(piece) error) (*answer, error) {
	h.request.prompts = append(h.request.prompts, string(q.prompt))
	if err := q.sampling.Check(); err != nil {
		return nil, wrong("", "%w", err)
	}
	if err := h.session.Prefill(ctx, q.images, q.prompt); err != nil {
		return nil, err
	}
	if q.sampling.Grammar == nil && !q.sampling.AnyText { // of a prompt that fits: that of a long one takes seconds
		q.sampling.Grammar = q.prompt.Grammar()
	}
	if _, err := grammar.Resume(q.sampling.Grammar, h.server.model, nil); err != nil { // now, while the status is not sent
		return nil, wrong("", "prompt %.60q: %w", q.prompt, err)
	}
	if begun != nil {
		if err := begun(); err != nil {
			return nil, err
		}
	}
	a := &answer{}
	stop, err := h.generate(ctx, q, a, each)
	if err != nil {
		return nil, err
	}
	a.Stop, a.Timings = stop, h.session.Timings()
	for _, t := range a.scored {
		a.Tokens = append(a.Tokens, t.Token)
	}
	if err := h.find(ctx, q, a, q.size()); err != nil {
		return nil, err
	}
	h.request.add(a.Timings)
	h.server.metrics.answered(a.Timings)
	return a, nil
}

// generate fills in text and tokens of an answer, and returns why it ended. Tokens after a
// text of q.stops may have been computed; they are not part of the answer. The likeliest
// tokens of a place are asked for before its token is chosen.
func (h *held) generate(ctx context.Context, q question, a *answer, each func(piece) error) (paligemma.Stop, error) {
	var text strings.Builder
	stops := stopper{texts: q.stops}
	likeliest, err := newLikeliest(h.server.model, q)
	if err != nil {
		return "", err
	}
	send := func(p piece) error {
		text.WriteString(p.text)
		a.Text, a.scored = text.String(), append(a.scored, p.tokens...)
		if each == nil || p.text == "" && len(p.tokens) == 0 {
			return nil
		}
		return each(p)
	}
	top, err := likeliest.next(ctx, h.session)
	if err != nil {
		return "", err
	}
	for t, err := range h.session.Tokens(ctx, &q.sampling) {
		if err != nil {
			return "", err
		}
		if t.ID == paligemma.NoID {
			top = nil
		}
		p, found := stops.push(scored{t, top})
		if err := send(p); err != nil {
			return "", err
		}
		if found {
			return stopText, nil
		}
		if t.ID == paligemma.NoID {
			continue
		}
		if err := likeliest.took(t.ID); err != nil {
			return "", err
		}
		if top, err = likeliest.next(ctx, h.session); err != nil {
			return "", err
		}
	}
	return h.session.Stopped(), send(stops.rest())
}
