package server

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/pgcli/paligemma"
)

// A taskRequest is a request to /v1/caption, /v1/answer or /v1/ocr.
type taskRequest struct {
	pictured
	choosing
	Language string `json:"language"` // "" means "en"
	Question string `json:"question"` // of /v1/answer
}

// A taskAnswer is an answer with the prompt that was asked.
type taskAnswer struct {
	Model  string           `json:"model"`
	Prompt paligemma.Prompt `json:"prompt"`
	Image  sizeObject       `json:"image"`
	paligemma.Result
}

// caption answers /v1/caption: a sentence about the picture in a language.
func (s *Server) caption(w http.ResponseWriter, r *http.Request) error {
	return s.task(w, r, false, func(t taskRequest) paligemma.Prompt { return paligemma.Caption(t.Language) })
}

// answer answers /v1/answer: a question in words.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) error {
	return s.task(w, r, true, func(t taskRequest) paligemma.Prompt { return paligemma.Answer(t.Language, t.Question) })
}

// ocr answers /v1/ocr: the text in the picture.
func (s *Server) ocr(w http.ResponseWriter, r *http.Request) error {
	return s.task(w, r, false, func(taskRequest) paligemma.Prompt { return paligemma.OCR() })
}

// task answers a request with the prompt that it spells, as the models were trained with
// it, and tells the prompt. asks says that the request has a question. Errors are 400 and
// name the field.
func (s *Server) task(w http.ResponseWriter, r *http.Request, asks bool, prompt func(taskRequest) paligemma.Prompt) error {
	t := taskRequest{Language: "en"}
	file, err := s.readTask(w, r, &t)
	switch {
	case err != nil:
		return err
	case asks && strings.TrimSpace(t.Question) == "":
		return wrong("question", "question is missing")
	case !asks && t.Question != "":
		return wrong("question", "a question goes to /v1/answer")
	}
	if err := checkLanguage(t.Language); err != nil {
		return err
	}
	q := question{prompt: prompt(t)}
	if q.sampling, err = s.sampling(t.choosing); err != nil {
		return err
	}
	out := taskAnswer{Model: s.opts.Name, Prompt: q.prompt}
	err = s.compute(r.Context(), func(h *held) error {
		images, took, err := h.encode(r.Context(), [][]byte{file})
		if err != nil {
			return err
		}
		q.images = images
		a, err := h.ask(r.Context(), q, nil, nil)
		if err != nil {
			return err
		}
		a.Timings.Encode = took
		out.Result, out.Image = a.Result, sizeObject{q.size().X, q.size().Y}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}

// checkLanguage refuses what is no code of a language: it would be a part of the question.
func checkLanguage(language string) error {
	if language == "" || strings.ContainsFunc(language, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return wrong("language", "language is %.40q, want a code such as en", language)
	}
	return nil
}

// mostNames bounds labels and choices of a request.
const mostNames = 200

// A choosingRequest is a request to /v1/choose.
type choosingRequest struct {
	pictured
	Prompt   string   `json:"prompt"`   // or a question:
	Question string   `json:"question"` // of the prompt "answer en …"
	Language string   `json:"language"` // of the question; "" means "en"
	Choices  []string `json:"choices"`
}

// chosen is the answer of /v1/choose.
type chosen struct {
	Model   string             `json:"model"`
	Prompt  paligemma.Prompt   `json:"prompt"`
	Best    string             `json:"best"`
	Choices []paligemma.Chosen `json:"choices"` // in the order of the request
}

// choose answers /v1/choose: the probabilities of given answers to a prompt or question,
// and the most probable one. No answer is generated, so there is nothing to sample.
func (s *Server) choose(w http.ResponseWriter, r *http.Request) error {
	c := choosingRequest{Language: "en"}
	file, err := s.readTask(w, r, &c)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	prompt := paligemma.Prompt(c.Prompt)
	if c.Question != "" {
		prompt = paligemma.Answer(c.Language, c.Question)
	}
	out := chosen{Model: s.opts.Name, Prompt: prompt}
	err = s.compute(r.Context(), func(h *held) error {
		images, _, err := h.encode(r.Context(), [][]byte{file})
		if err != nil {
			return err
		}
		out.Choices, err = h.choose(r.Context(), images, prompt, c.Choices)
		return err
	})
	if err != nil {
		return err
	}
	out.Best = mostProbable(out.Choices).Text
	return writeJSON(w, http.StatusOK, out)
}

// choose returns the probability of each of some answers to a prompt, in their order. They
// add up to 1: Session.Choose compares them among themselves.
func (h *held) choose(ctx context.Context, images []*paligemma.Image, prompt paligemma.Prompt, choices []string) ([]paligemma.Chosen, error) {
	h.request.prompts = append(h.request.prompts, string(prompt))
	if err := h.session.Prefill(ctx, images, prompt); err != nil {
		return nil, err
	}
	list, err := h.session.Choose(ctx, choices...)
	h.request.add(h.session.Timings())
	h.server.metrics.answered(h.session.Timings())
	return list, err
}

// mostProbable returns the first of the most probable answers.
func mostProbable(list []paligemma.Chosen) paligemma.Chosen {
	return slices.MaxFunc(list, func(a, b paligemma.Chosen) int { return cmp.Compare(a.Probability, b.Probability) })
}

// check refuses a request that asks nothing, or has nothing to choose from.
func (c *choosingRequest) check() error {
	switch {
	case (strings.TrimSpace(c.Prompt) == "") == (strings.TrimSpace(c.Question) == ""):
		return wrong("prompt", "want either a prompt or a question")
	case len(c.Choices) < 2 || len(c.Choices) > mostNames:
		return wrong("choices", "%d choices, want 2 to %d", len(c.Choices), mostNames)
	}
	for i, text := range c.Choices {
		if text == "" || slices.Contains(c.Choices[:i], text) {
			return wrong("choices", "choice %d is %.60q, want texts that differ and are not empty", i+1, text)
		}
	}
	return checkLanguage(c.Language)
}
