package server

import (
	"context"
	"net/http"
)

// A chatStream sends an answer as chunks.
type chatStream struct {
	*completion
	events *events
	usage  usage
}

// stream answers with server-sent events. Errors before the first one have a status of
// their own; with progress the first event comes early. Later errors are an event with the
// field error, after which there is no [DONE].
func (c *completion) stream(ctx context.Context, w http.ResponseWriter) error {
	s := &chatStream{completion: c, events: newEvents(w)}
	defer s.events.close()
	err := s.all(ctx)
	if err != nil && s.events.begun() {
		_ = s.events.send(failureOf(err).object()) // the client may be gone
	}
	return err
}

// all sends the events of all answers, and what ends the stream. Chunks have no field error,
// not even null, at which OpenAI's client for Go would stop.
func (s *chatStream) all(ctx context.Context) error {
	if err := s.progress("waiting"); err != nil {
		return err
	}
	err := s.server.compute(ctx, func(h *held) error {
		if err := s.progress("seeing"); err != nil {
			return err
		}
		if err := s.look(ctx, h); err != nil {
			return err
		}
		for i := range s.choices() {
			if err := s.choice(ctx, h, i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.StreamOptions.IncludeUsage {
		out := s.object("chat.completion.chunk")
		out.Usage = &s.usage
		if err := s.events.send(out); err != nil {
			return err
		}
	}
	return s.events.done()
}

// choice sends one of the answers: a first chunk with the role, as clients expect it, a
// chunk for each piece of text, and a last one with the reason of the end and the objects,
// which are known only then.
func (s *chatStream) choice(ctx context.Context, h *held, i int) error {
	if err := s.progress("reading"); err != nil {
		return err
	}
	begun := func() error {
		if err := s.progress("answering"); err != nil {
			return err
		}
		none := ""
		return s.send(chatChoice{Index: i, Delta: &message{Role: "assistant", Content: &none}})
	}
	a, err := s.ask(ctx, h, i, begun, func(p piece) error {
		choice := chatChoice{Index: i, Delta: &message{Content: &p.text}}
		if s.LogProbs {
			choice.LogProbs = s.server.logProbs(p.tokens)
		} else if p.text == "" {
			return nil
		}
		return s.send(choice)
	})
	if err != nil {
		return err
	}
	s.usage.add(a.Timings)
	d := s.details(a)
	return s.send(chatChoice{Index: i, FinishReason: finishReason(a.Stop), Delta: &message{PaliGemma: &d}})
}

// send sends a chunk of one of the answers.
func (s *chatStream) send(choice chatChoice) error {
	out := s.object("chat.completion.chunk")
	out.Choices = append(out.Choices, choice)
	return s.events.send(out)
}

// progress tells what is being done, to those who ask for it by
// stream_options.include_progress: OpenAI's clients get no chunk without a choice, beside
// the one with the usage.
func (s *chatStream) progress(what string) error {
	if !s.StreamOptions.IncludeProgress {
		return nil
	}
	out := s.object("chat.completion.chunk")
	out.Stage = &stage{what}
	return s.events.send(out)
}
