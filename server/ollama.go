package server

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pgcli/paligemma"
)

// ollama's API (github.com/ollama/ollama, api/types.go).
type (
	ollamaRequest struct {
		Model    string          `json:"model"`
		Prompt   string          `json:"prompt"`   // of /api/generate
		Images   []string        `json:"images"`   // base64
		Messages []ollamaMessage `json:"messages"` // of /api/chat
		Stream   *bool           `json:"stream"`   // nil means true
		Format   json.RawMessage `json:"format"`
		Tools    []any           `json:"tools"`
		Suffix   string          `json:"suffix"`
		Options  ollamaOptions   `json:"options"`
		Think    json.RawMessage `json:"think"` // a bool, or how much

		// Texts that the model does not see.
		System   string `json:"system"`
		Template string `json:"template"`
		Context  []int  `json:"context"`

		LogProbs    bool `json:"logprobs"`
		TopLogProbs int  `json:"top_logprobs"`
	}
	ollamaMessage struct {
		Role    string   `json:"role"`
		Content string   `json:"content"`
		Images  []string `json:"images,omitempty"`
	}
	ollamaOptions struct {
		Temperature *float32 `json:"temperature"`
		TopK        *int     `json:"top_k"`
		TopP        *float32 `json:"top_p"`
		MinP        *float32 `json:"min_p"`
		Seed        *int64   `json:"seed"`
		Length      *int     `json:"num_predict"` // -1 and -2 mean as many as the server allows
		Stop        texts    `json:"stop"`

		ignored []string // names of others, which might change an answer
	}
	ollamaPart struct {
		Model     string         `json:"model"`
		CreatedAt time.Time      `json:"created_at"`
		Response  *string        `json:"response,omitempty"` // of /api/generate
		Message   *ollamaMessage `json:"message,omitempty"`  // of /api/chat
		LogProbs  []tokenLogProb `json:"logprobs,omitempty"`
		Done      bool           `json:"done"`
		Reason    string         `json:"done_reason,omitempty"`
		Details   *details       `json:"paligemma,omitempty"` // an extension, in the last part
		Total     time.Duration  `json:"total_duration,omitempty"`
		Load      time.Duration  `json:"load_duration,omitempty"`
		Read      int            `json:"prompt_eval_count,omitempty"`
		Reading   time.Duration  `json:"prompt_eval_duration,omitempty"`
		Generated int            `json:"eval_count,omitempty"`
		Writing   time.Duration  `json:"eval_duration,omitempty"`
	}
)

// ollamaGenerate answers /api/generate: a prompt and its pictures, as lines of JSON unless
// stream is false. A request without both asks whether the model is loaded. Errors are
// {"error": text} with status 400, or 404 for another model; of a stream that has begun
// they are its last line.
func (s *Server) ollamaGenerate(w http.ResponseWriter, r *http.Request) error {
	var request ollamaRequest
	if err := s.readJSON(w, r, &request); err != nil {
		return err
	}
	return s.ollama(w, r, &request, turn{prompt: request.Prompt, pictures: request.Images}, false)
}

// ollamaChat answers /api/chat: the last message of the user is the prompt, as in
// /v1/chat/completions. Answers and errors are as those of ollamaGenerate, with a message
// in place of the text.
func (s *Server) ollamaChat(w http.ResponseWriter, r *http.Request) error {
	var request ollamaRequest
	if err := s.readJSON(w, r, &request); err != nil {
		return err
	}
	var messages []chatMessage
	for _, m := range request.Messages {
		c := content{{Type: "text", Text: m.Content}}
		for _, data := range m.Images {
			c = append(c, contentPart{Type: "image_url", ImageURL: imageURL{data}})
		}
		messages = append(messages, chatMessage{m.Role, c})
	}
	t := turn{}
	if len(messages) > 0 {
		var err error
		if t, err = conversation(messages); err != nil {
			return err
		}
	}
	return s.ollama(w, r, &request, t, true)
}

// check refuses what cannot be honoured, where leaving it out would change what the answer
// means. ignored has the rest.
func (r *ollamaRequest) check() error {
	switch format := string(bytes.TrimSpace(r.Format)); {
	case format != "" && format != "null" && format != `""`:
		return wrong("format", "format is not supported: the model answers in text")
	case len(r.Tools) > 0:
		return wrong("tools", "%.60q does not support tools", r.Model)
	case r.thinks():
		return wrong("think", "%.60q does not support thinking", r.Model)
	case r.Suffix != "":
		return wrong("suffix", "suffix is not supported")
	case r.TopLogProbs < 0 || r.TopLogProbs > mostTop:
		return wrong("top_logprobs", "top_logprobs is %d, want 0 to %d", r.TopLogProbs, mostTop)
	}
	return checkStops(r.Options.Stop)
}

// thinks reports whether a request asks for thinking.
func (r *ollamaRequest) thinks() bool {
	value := string(r.Think)
	return value != "" && value != "null" && value != "false"
}

// ignored names the parts of a request that change nothing, for the header: desktop tools
// send a system text and penalties with each request, and would not work at all if these
// were errors.
func (r *ollamaRequest) ignored() []string {
	list := r.Options.ignored
	for name, given := range map[string]bool{"system": r.System != "", "template": r.Template != "", "context": len(r.Context) > 0} {
		if given {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// harmless options are about ollama's memory and speed, and change no answer.
var harmless = []string{"num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "use_mmap", "use_mlock", "low_vram", "f16_kv", "numa", "vocab_only", "logits_all"}

// UnmarshalJSON reads the options that are honoured, and notes the names of others.
func (o *ollamaOptions) UnmarshalJSON(data []byte) error {
	type plain ollamaOptions
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for _, name := range []string{"top_k", "seed", "num_predict"} { // clients without whole numbers write 5.0
		if v, err := strconv.ParseFloat(string(all[name]), 64); err == nil && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			all[name] = strconv.AppendInt(nil, int64(v), 10)
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, (*plain)(o)); err != nil {
		return err
	}
	for name := range all {
		if _, known := fieldOf(reflect.ValueOf(*o), name); !known && !slices.Contains(harmless, name) {
			o.ignored = append(o.ignored, "options."+strings.Trim(strconv.QuoteToASCII(name[:min(len(name), 40)]), `"`))
		}
	}
	return nil
}

// ollama answers a turn, of a chat or of a prompt. Pictures are base64 there; whatever
// readPictures reads will do.
func (s *Server) ollama(w http.ResponseWriter, r *http.Request, request *ollamaRequest, t turn, chat bool) error {
	a := &ollamaStream{server: s, request: request, chat: chat, start: time.Now(), w: w}
	if err := s.checkOllamaModel(request.Model); err != nil {
		return err
	}
	if err := request.check(); err != nil {
		return err
	}
	t.ignored = append(t.ignored, request.ignored()...)
	sayIgnored(w, t.ignored)
	if t.prompt == "" && len(t.pictures) == 0 { // asks to load the model, which is loaded
		p := a.part("")
		p.Done, p.Reason = true, "load"
		return writeJSON(w, http.StatusOK, p)
	}
	files, err := s.readPictures(r.Context(), "images", t.pictures)
	if err != nil {
		return err
	}
	q, err := s.ollamaQuestion(request, t.prompt)
	if err != nil {
		return err
	}
	err = a.answer(r.Context(), q, files)
	if err != nil && a.begun {
		_ = a.send(failureOf(err).plain()) // the client may be gone
	}
	return err
}

// ollamaQuestion returns the question of a request about pictures that are yet to be encoded.
func (s *Server) ollamaQuestion(r *ollamaRequest, prompt string) (q question, err error) {
	o := r.Options
	if o.Length != nil && *o.Length <= 0 {
		if *o.Length < -2 || *o.Length == 0 {
			return q, wrong("num_predict", "num_predict is %d, want 1 or more, or -1 for as many as the server allows", *o.Length)
		}
		o.Length = nil
	}
	q = question{prompt: paligemma.Prompt(prompt), stops: o.Stop}
	if r.LogProbs {
		q.top = r.TopLogProbs
	}
	q.sampling, err = s.sampling(choosing{o.Temperature, o.TopK, o.TopP, o.MinP, o.Seed, o.Length})
	return q, err
}
