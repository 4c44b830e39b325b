package server

import (
	"encoding/json"

	"github.com/pgcli/paligemma"
)

// A chatRequest is what OpenAI's API calls a chat completion, as far as it can be
// honoured; check refuses the rest.
type chatRequest struct {
	Model               string          `json:"model"`
	Messages            []chatMessage   `json:"messages"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Temperature         *float32        `json:"temperature"`
	TopP                *float32        `json:"top_p"`
	N                   *int            `json:"n"`
	Seed                *int64          `json:"seed"`
	Stop                texts           `json:"stop"`
	Stream              bool            `json:"stream"`
	StreamOptions       streamOptions   `json:"stream_options"`
	LogProbs            bool            `json:"logprobs"`
	TopLogProbs         *int            `json:"top_logprobs"`
	LogitBias           map[string]any  `json:"logit_bias"`
	FrequencyPenalty    *float64        `json:"frequency_penalty"`
	PresencePenalty     *float64        `json:"presence_penalty"`
	ResponseFormat      *responseFormat `json:"response_format"`
	Tools               []any           `json:"tools"`
	ToolChoice          any             `json:"tool_choice"`
	Functions           []any           `json:"functions"`
	Modalities          []string        `json:"modalities"`

	// Extensions. The first two are llama-server's.
	TopK      *int           `json:"top_k"`
	MinP      *float32       `json:"min_p"`
	PaliGemma chatExtensions `json:"paligemma"`
}

// streamOptions say which chunks a stream has beside those of the answer.
type streamOptions struct {
	IncludeUsage    bool `json:"include_usage"`
	IncludeProgress bool `json:"include_progress"` // an extension: chunks that say what is being done
}

// A responseFormat of another type than "text" is refused: no grammar of JSON is written
// for a model that was never trained to answer in it.
type responseFormat struct {
	Type string `json:"type"`
}

// chatExtensions are ours, in the field paligemma: the extra_body of OpenAI's client.
type chatExtensions struct {
	Masks   maskForm `json:"masks"`    // of objects
	AnyText bool     `json:"any_text"` // in answers to detect and segment prompts, too
}

// texts is a text or several.
type texts []string

// orTexts are texts in an array, where one text may stand alone.
type orTexts []string

// UnmarshalJSON reads a text or an array of texts, as OpenAI has stop.
func (t *texts) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*t = make(texts, 1)
		return json.Unmarshal(data, &(*t)[0])
	}
	return json.Unmarshal(data, (*orTexts)(t))
}

// Bounds of a request.
const (
	mostChoices = 8
	mostStops   = 16
	mostTop     = 20 // likeliest tokens, as in OpenAI's API
)

// check refuses what cannot be honoured: answering as if it were not there would be
// wrong without a word. Fields that ask for nothing, such as a penalty of 0 or tools with
// tool_choice: none, are let through, as many clients send them always. Errors are 400.
func (r *chatRequest) check() error {
	value := func(n *int, otherwise int) int {
		if n == nil {
			return otherwise
		}
		return *n
	}
	some := func(f *float64) bool { return f != nil && *f != 0 }
	n, top := value(r.N, 1), value(r.TopLogProbs, 0)
	switch {
	case n < 1 || n > mostChoices:
		return wrong("n", "n is %d, want 1 to %d", n, mostChoices)
	case top < 0 || top > mostTop:
		return wrong("top_logprobs", "top_logprobs is %d, want 0 to %d", top, mostTop)
	case top > 0 && !r.LogProbs:
		return wrong("top_logprobs", "top_logprobs is %d without logprobs: true", top)
	case some(r.FrequencyPenalty):
		return wrong("frequency_penalty", "frequency_penalty is %v, and only 0 is supported", *r.FrequencyPenalty)
	case some(r.PresencePenalty):
		return wrong("presence_penalty", "presence_penalty is %v, and only 0 is supported", *r.PresencePenalty)
	case len(r.Tools) > 0 && r.ToolChoice != "none":
		return wrong("tools", "tools are not supported: the model cannot call any; leave them out, or set tool_choice to none")
	case len(r.Functions) > 0:
		return wrong("functions", "functions are not supported: the model cannot call any")
	case r.ResponseFormat != nil && r.ResponseFormat.Type != "text" && r.ResponseFormat.Type != "":
		return wrong("response_format", "response_format %q is not supported: the model answers in text; /v1/detect answers with objects", r.ResponseFormat.Type)
	}
	for _, m := range r.Modalities {
		if m != "text" {
			return wrong("modalities", "modality %q is not supported: the model answers in text", m)
		}
	}
	return r.PaliGemma.Masks.check("paligemma.masks")
}

// chatQuestion returns the question of a request about pictures that are yet to be
// encoded. max_completion_tokens goes before max_tokens, its older name. Neither gets more
// than Options.MaxTokens, and finish_reason is "length" then.
func (s *Server) chatQuestion(r *chatRequest, prompt string) (q question, err error) {
	length := r.MaxCompletionTokens
	switch {
	case length == nil:
		length = r.MaxTokens
	case *length < 1:
		return q, wrong("max_completion_tokens", "max_completion_tokens is %d, want 1 or more; the server answers with at most %d", *length, s.opts.MaxTokens)
	}
	q = question{prompt: paligemma.Prompt(prompt), stops: r.Stop, masks: r.PaliGemma.Masks}
	if q.sampling, err = s.sampling(choosing{r.Temperature, r.TopK, r.TopP, r.MinP, r.Seed, length}); err != nil {
		return q, err
	}
	q.sampling.AnyText = r.PaliGemma.AnyText
	set(&q.top, r.TopLogProbs)
	if err := checkStops(r.Stop); err != nil {
		return q, err
	}
	q.sampling.Forbidden, err = s.forbidden(r.LogitBias)
	return q, err
}
