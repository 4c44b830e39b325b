package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// An ollamaStream sends an answer as lines of JSON, or whole.
type ollamaStream struct {
	server  *Server
	request *ollamaRequest
	chat    bool
	start   time.Time
	w       http.ResponseWriter
	begun   bool
}

// answer asks a question about picture files, and sends its answer: a line for each piece
// and a last one with done: true, counts and times, or one object with all of it. An error
// before the first line has a status of its own.
func (o *ollamaStream) answer(ctx context.Context, q question, files [][]byte) error {
	return o.server.compute(ctx, func(h *held) (err error) {
		took := time.Duration(0)
		if q.images, took, err = h.encode(ctx, files); err != nil {
			return err
		}
		streams := o.request.Stream == nil || *o.request.Stream
		var each func(piece) error
		if streams {
			each = func(p piece) error {
				part := o.part(p.text)
				if o.request.LogProbs {
					part.LogProbs = o.server.logProbs(p.tokens).Content
				}
				return o.send(part)
			}
		}
		a, err := h.ask(ctx, q, nil, each)
		if err != nil {
			return err
		}
		a.Timings.Encode = took
		last := o.last(a, q)
		if streams {
			return o.send(last)
		}
		return writeJSON(o.w, http.StatusOK, last)
	})
}

// part returns a part of an answer: with a message in a chat, else with a response. Text
// of "" stays in it, as clients add up what the parts have.
func (o *ollamaStream) part(text string) *ollamaPart {
	p := &ollamaPart{Model: o.server.opts.Name, CreatedAt: time.Now().UTC()}
	if o.chat {
		p.Message = &ollamaMessage{Role: "assistant", Content: text}
	} else {
		p.Response = &text
	}
	return p
}

// last returns the last part of an answer that streams, or all of one that does not.
// Durations are in nanoseconds, as ollama's are. Reading includes seeing the pictures, for
// which ollama has no field.
func (o *ollamaStream) last(a *answer, q question) *ollamaPart {
	text := a.Text
	if o.begun {
		text = ""
	}
	p, t := o.part(text), a.Timings
	if o.request.LogProbs && !o.begun {
		p.LogProbs = o.server.logProbs(a.scored).Content
	}
	p.Done, p.Reason = true, *finishReason(a.Stop)
	p.Total, p.Load = time.Since(o.start), 1 // the model is loaded, and 0 would be left out
	p.Read, p.Reading, p.Generated, p.Writing = t.PromptTokens, t.Encode+t.Prefill, t.Generated, max(t.Decode, 1)
	p.Details = &details{Objects: a.found, Problems: a.Problems, Stop: a.Stop, Timings: t}
	return p
}

// send sends a value as a line (NDJSON), at once. The first one sets the type of the body.
func (o *ollamaStream) send(v any) error {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	if !o.begun {
		o.w.Header().Set("Content-Type", "application/x-ndjson")
		o.begun = true
	}
	return push(o.w, http.NewResponseController(o.w), b.Bytes())
}
