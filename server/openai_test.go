package server

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/pgcli/paligemma"
)

// client returns OpenAI's own client for a site.
func (s *site) client(more ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{option.WithBaseURL(s.web.URL + "/v1"), option.WithAPIKey("none"),
		option.WithHTTPClient(s.web.Client()), option.WithMaxRetries(0)}, more...)...)
}

func question1(prompt string, file []byte) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "tiny", Messages: []openai.ChatCompletionMessageParamUnion{
		openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
			openai.TextContentPart(prompt),
			openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: dataURI(file)}),
		})}}
}

// TestOpenAIClient compares answers that OpenAI's own client reads with those of the
// model alone.
func TestOpenAIClient(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	c := s.client()
	for _, prompt := range []string{"caption en", "detect cross ; circle", "answer en is there a pink star?"} {
		want := run(t, s.model, file, paligemma.Prompt(prompt), nil)
		p := question1(prompt, file)
		p.Logprobs, p.TopLogprobs = openai.Bool(true), openai.Int(3)
		got, err := c.Chat.Completions.New(t.Context(), p)
		must(t, err)
		choice := got.Choices[0]
		if choice.Message.Content != want.Text || choice.FinishReason != "stop" || string(got.Object) != "chat.completion" {
			t.Errorf("%q: %q, %s, want %q", prompt, choice.Message.Content, choice.FinishReason, want.Text)
		}
		if int(got.Usage.CompletionTokens) != len(want.Tokens) || int(got.Usage.PromptTokens) != want.Timings.PromptTokens {
			t.Errorf("%q: usage %+v, want %d and %d tokens", prompt, got.Usage, want.Timings.PromptTokens, len(want.Tokens))
		}
		var text []byte
		for i, l := range choice.Logprobs.Content {
			for _, b := range l.Bytes {
				text = append(text, byte(b))
			}
			if float32(l.Logprob) != want.Tokens[i].LogProb {
				t.Errorf("%q: token %d: logprob %v, want %v", prompt, i, l.Logprob, want.Tokens[i].LogProb)
			}
			// The greedy token is the likeliest, by another computation of the softmax.
			if len(l.TopLogprobs) == 0 || l.TopLogprobs[0].Token != l.Token || math.Abs(l.TopLogprobs[0].Logprob-l.Logprob) > 1e-4 {
				t.Errorf("%q: token %d: %+v: top %+v", prompt, i, l, l.TopLogprobs)
			}
		}
		if strings.TrimPrefix(string(text), " ") != want.Text {
			t.Errorf("%q: bytes of the tokens make %q, want %q", prompt, text, want.Text)
		}
	}
}

// TestOpenAIStream has the pieces of a stream make the answer.
func TestOpenAIStream(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	client := s.client()
	p := question1("caption en", file)
	p.StreamOptions.IncludeUsage, p.N = openai.Bool(true), openai.Int(2)
	want := run(t, s.model, file, "caption en", nil)
	stream := client.Chat.Completions.NewStreaming(t.Context(), p)
	var all openai.ChatCompletionAccumulator
	chunks := 0
	for stream.Next() {
		chunk := stream.Current()
		chunks++
		if !all.AddChunk(chunk) && chunk.Usage.TotalTokens == 0 {
			t.Fatalf("chunk does not fit: %s", chunk.RawJSON())
		}
	}
	must(t, stream.Err())
	must(t, stream.Close())
	if len(all.Choices) != 2 || chunks < 2*len(want.Tokens) {
		t.Fatalf("%d choices in %d chunks", len(all.Choices), chunks)
	}
	for _, c := range all.Choices {
		if c.Message.Content != want.Text || c.FinishReason != "stop" || c.Message.Role != "assistant" {
			t.Errorf("choice %+v, want %q", c, want.Text)
		}
	}
	if all.Usage.CompletionTokens != int64(2*len(want.Tokens)) {
		t.Errorf("usage %+v, want twice %d tokens", all.Usage, len(want.Tokens))
	}
}

// TestOpenAISampling: seeds, several choices, stops and lengths are the model's own.
func TestOpenAISampling(t *testing.T) {
	s, file := serve(t, Options{MaxTokens: 40}), scene(t, "05")
	c := s.client()
	p := question1("caption en", file)
	p.Temperature, p.Seed, p.N = openai.Float(2), openai.Int(7), openai.Int(3)
	got, err := c.Chat.Completions.New(t.Context(), p)
	must(t, err)
	for i, choice := range got.Choices {
		want := run(t, s.model, file, "caption en", &paligemma.Sampling{Temperature: 2, Seed: 7 + uint64(i), MaxTokens: 40})
		if choice.Message.Content != want.Text || int(choice.Index) != i {
			t.Errorf("choice %d: %q, want %q", i, choice.Message.Content, want.Text)
		}
	}
	p = question1("caption en", file)
	p.Stop = openai.ChatCompletionNewParamsStopUnion{OfStringArray: []string{"ink ", "never"}}
	got, err = c.Chat.Completions.New(t.Context(), p)
	must(t, err)
	if m := got.Choices[0]; m.Message.Content != "a yellow cross, a white triangle, a p" || m.FinishReason != "stop" {
		t.Errorf("with a stop: %q, %s", m.Message.Content, m.FinishReason)
	}
	p = question1("caption en", file)
	p.MaxCompletionTokens = openai.Int(3)
	got, err = c.Chat.Completions.New(t.Context(), p)
	must(t, err)
	if m := got.Choices[0]; m.Message.Content != "a yellow cross" || m.FinishReason != "length" {
		t.Errorf("3 tokens: %q, %s", m.Message.Content, m.FinishReason)
	}
}

// TestOpenAIErrors have the class, type and parameter that the client reads.
func TestOpenAIErrors(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	c := s.client()
	for name, test := range map[string]struct {
		spoil  func(*openai.ChatCompletionNewParams)
		status int
		param  string
	}{
		"model":    {func(p *openai.ChatCompletionNewParams) { p.Model = "gpt-9" }, 404, "model"},
		"n":        {func(p *openai.ChatCompletionNewParams) { p.N = openai.Int(99) }, 400, "n"},
		"penalty":  {func(p *openai.ChatCompletionNewParams) { p.PresencePenalty = openai.Float(1) }, 400, "presence_penalty"},
		"messages": {func(p *openai.ChatCompletionNewParams) { p.Messages = p.Messages[:0] }, 400, "messages"},
		"length":   {func(p *openai.ChatCompletionNewParams) { p.MaxTokens = openai.Int(0) }, 400, "max_tokens"},
		"top_p":    {func(p *openai.ChatCompletionNewParams) { p.TopP = openai.Float(7) }, 400, ""},
		"picture": {func(p *openai.ChatCompletionNewParams) {
			p.Messages = question1("caption en", []byte("no picture")).Messages
		}, 400, ""},
		"prompt": {func(p *openai.ChatCompletionNewParams) { p.Messages = question1("<bos>x", file).Messages }, 400, ""},
	} {
		p := question1("caption en", file)
		test.spoil(&p)
		_, err := c.Chat.Completions.New(t.Context(), p)
		var e *openai.Error
		if !errors.As(err, &e) || e.StatusCode != test.status || e.Param != test.param || e.Message == "" || e.Type == "" {
			t.Errorf("%s: %v, want status %d about %q", name, err, test.status, test.param)
		}
	}
}

// TestOpenAIRetries: a full queue is answered so that the client tries again.
func TestOpenAIRetries(t *testing.T) {
	s, file := serve(t, Options{Parallel: 1, Queue: -1}), scene(t, "05")
	must(t, s.queue.enter())
	c := s.client(option.WithMaxRetries(3), option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		w, err := next(r)
		if err == nil && w.StatusCode == 429 && w.Header.Get("Retry-After") != "" {
			w.Header.Set("Retry-After-Ms", "1") // the test does not wait
			if s.queue.inside == 1 {
				s.queue.leave()
			}
		}
		return w, err
	}))
	_, err := c.Chat.Completions.New(context.Background(), question1("caption en", file))
	must(t, err)
	list, err := c.Models.List(t.Context())
	must(t, err)
	if len(list.Data) != 1 || list.Data[0].ID != "tiny" {
		t.Errorf("models %+v", list.Data)
	}
}
