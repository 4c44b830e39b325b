package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pgcli/paligemma"
)

// ignoredHeader names the messages of a conversation that the model does not see.
const ignoredHeader = "X-Paligemma-Ignored"

// Objects of OpenAI's API (https://platform.openai.com/docs/api-reference/chat/object),
// with an extension: "paligemma". openai-go needs the fields without omitempty.
type (
	chatCompletion struct {
		ID      string       `json:"id"`
		Object  string       `json:"object"`
		Created int64        `json:"created"`
		Model   string       `json:"model"`
		Choices []chatChoice `json:"choices"`
		Usage   *usage       `json:"usage,omitempty"`
		Stage   *stage       `json:"paligemma,omitempty"` // of a chunk that tells the progress
	}
	chatChoice struct {
		Index        int       `json:"index"`
		Message      *message  `json:"message,omitempty"` // of a whole answer
		Delta        *message  `json:"delta,omitempty"`   // of a chunk
		LogProbs     *logProbs `json:"logprobs"`
		FinishReason *string   `json:"finish_reason"`
	}
	message struct {
		Role      string   `json:"role,omitempty"`
		Content   *string  `json:"content,omitempty"`
		Refusal   *string  `json:"refusal,omitempty"`
		PaliGemma *details `json:"paligemma,omitempty"` // in the last chunk
	}
	usage struct {
		PromptTokens     int           `json:"prompt_tokens"` // soft tokens of pictures included
		CompletionTokens int           `json:"completion_tokens"`
		TotalTokens      int           `json:"total_tokens"`
		PromptDetails    promptDetails `json:"prompt_tokens_details"`
	}
	promptDetails struct {
		CachedTokens int `json:"cached_tokens"` // always 0: no prompt's keys and values serve another
	}
	stage struct {
		Stage string `json:"stage"` // waiting, seeing, reading or answering
	}
	// details are about an answer, beyond its text.
	details struct {
		Objects  []found             `json:"objects,omitempty"`
		Problems []paligemma.Problem `json:"problems,omitempty"`
		Stop     paligemma.Stop      `json:"stop"`
		Timings  paligemma.Timings   `json:"timings"`
	}
)

// A completion is a chat completion that is being answered.
type completion struct {
	*chatRequest
	server   *Server
	question question
	files    [][]byte
	id       string
	created  int64
	encoding time.Duration
}

// chat answers /v1/chat/completions: as a whole, or with stream: true as server-sent
// events. The headers name messages that the model does not see. Errors are 400 for a
// field that cannot be honoured, 404 for another model, and those of readPictures.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) error {
	var request chatRequest
	if err := s.readJSON(w, r, &request); err != nil {
		return err
	}
	c, ignored, err := s.newCompletion(r.Context(), &request)
	if err != nil {
		return err
	}
	sayIgnored(w, ignored)
	if request.Stream {
		return c.stream(r.Context(), w)
	}
	body, err := c.whole(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, body)
}

// newCompletion checks a request and reads its pictures, before it waits for a slot: a
// wrong request and a slow host keep none from others. Slow hosts keep requests with URLs from
// others of these, see mostFetching.
func (s *Server) newCompletion(ctx context.Context, r *chatRequest) (c *completion, ignored []string, err error) {
	if err := r.check(); err != nil {
		return nil, nil, err
	}
	if err := s.checkModel(r.Model); err != nil {
		return nil, nil, err
	}
	turn, err := conversation(r.Messages)
	if err != nil {
		return nil, nil, err
	}
	c = &completion{chatRequest: r, server: s, id: "chatcmpl-" + rand.Text(), created: time.Now().Unix()}
	if c.question, err = s.chatQuestion(r, turn.prompt); err != nil {
		return nil, nil, err
	}
	c.files, err = s.readPictures(ctx, "messages", turn.pictures)
	return c, turn.ignored, err
}

// sayIgnored names what the model does not see in a header: the first few of many.
func sayIgnored(w http.ResponseWriter, list []string) {
	const most = 20
	if more := len(list) - most; more > 0 {
		list = append(list[:most:most], fmt.Sprintf("and %d more", more))
	}
	if list != nil {
		w.Header().Set(ignoredHeader, strings.Join(list, ", "))
	}
}

// readPictures reads the pictures that a request names, as data URIs, base64 or URLs:
// their files' bytes, which are decoded by encode. param names the field for errors, which
// are 400.
func (s *Server) readPictures(ctx context.Context, param string, list []string) (files [][]byte, err error) {
	if most := s.mostPictures(); len(list) > most {
		return nil, wrong(param, "%d pictures, want at most %d: so many fit in the context of %d tokens (--ctx-size)", len(list), most, s.model.Config().Session)
	}
	var bytes int64
	for _, source := range list {
		file, err := s.sources.read(ctx, param, source)
		if err != nil {
			return nil, err
		}
		if bytes += int64(len(file)); bytes > s.opts.MaxBody { // behind URLs
			return nil, wrong(param, "%d pictures of more than %d bytes in all", len(list), s.opts.MaxBody)
		}
		files = append(files, file)
	}
	return files, nil
}

// mostPictures returns how many pictures fit in a session.
func (s *Server) mostPictures() int {
	c := s.model.Config()
	return max(1, c.Session/c.ImageTokens)
}

// choices returns how many answers are asked for.
func (c *completion) choices() int {
	n := 1
	set(&n, c.N)
	return n
}

// ask answers one of the choices. The seeds are consecutive numbers, so that the first
// choice is the answer of a request for one, and a request with a seed can be repeated.
func (c *completion) ask(ctx context.Context, h *held, choice int, begun func() error, each func(piece) error) (*answer, error) {
	q := c.question
	q.sampling.Seed += uint64(choice)
	a, err := h.ask(ctx, q, begun, each)
	if err == nil {
		a.Timings.Encode = c.encoding
	}
	return a, err
}

// look encodes the pictures.
func (c *completion) look(ctx context.Context, h *held) (err error) {
	c.question.images, c.encoding, err = h.encode(ctx, c.files)
	return err
}

// whole returns the whole answer: all choices, one after the other in one slot, as they
// share their pictures.
func (c *completion) whole(ctx context.Context) (*chatCompletion, error) {
	out := c.object("chat.completion")
	out.Usage = &usage{}
	err := c.server.compute(ctx, func(h *held) error {
		if err := c.look(ctx, h); err != nil {
			return err
		}
		for i := range c.choices() {
			a, err := c.ask(ctx, h, i, nil, nil)
			if err != nil {
				return err
			}
			d := c.details(a)
			choice := chatChoice{Index: i, FinishReason: finishReason(a.Stop), Message: &message{Role: "assistant", Content: &a.Text, PaliGemma: &d}}
			if c.LogProbs {
				choice.LogProbs = c.server.logProbs(a.scored)
			}
			out.Choices = append(out.Choices, choice)
			out.Usage.add(a.Timings)
		}
		return nil
	})
	return out, err
}

// object returns an answer without choices.
func (c *completion) object(kind string) *chatCompletion {
	return &chatCompletion{ID: c.id, Object: kind, Created: c.created, Model: c.server.opts.Name, Choices: []chatChoice{}}
}

// details returns the details of an answer.
func (c *completion) details(a *answer) details {
	return details{Objects: a.found, Problems: a.Problems, Stop: a.Stop, Timings: a.Timings}
}

// add counts an answer. The prompt is the same for all, and OpenAI counts it once.
func (u *usage) add(t paligemma.Timings) {
	u.PromptTokens = t.PromptTokens
	u.CompletionTokens += t.Generated
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
}

// finishReason returns OpenAI's word for the end of an answer: its own end or a text
// that the request names, or anything that cut it short.
func finishReason(s paligemma.Stop) *string {
	reason := "length"
	if s == paligemma.StopEOS || s == stopText {
		reason = "stop"
	}
	return &reason
}
