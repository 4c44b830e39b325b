package server

import (
	"fmt"
	"strings"
	"testing"
)

// TestTopPOfZero: a top_p of 0 takes the likeliest token, as OpenAI's and ollama's servers
// do, however hot the temperature is. Clients send it to get the same answer again.
func TestTopPOfZero(t *testing.T) {
	s, file := serve(t, Options{MaxTokens: 8}), scene(t, "05")
	want := run(t, s.model, file, "caption en", nil).Text
	for seed := range 4 {
		for _, topP := range []float64{0, 1e-60} {
			var chat chatCompletion
			s.post("/v1/chat/completions", ask("caption en", file, map[string]any{"temperature": 100, "top_p": topP, "seed": seed}), 200, &chat)
			var generated ollamaPart
			options := map[string]any{"temperature": 100, "top_p": topP, "seed": seed}
			s.post("/api/generate", map[string]any{"model": "tiny", "prompt": "caption en", "images": []string{dataURI(file)}, "stream": false, "options": options}, 200, &generated)
			for _, got := range []string{*chat.Choices[0].Message.Content, *generated.Response} {
				if len(got) == 0 || len(got) > len(want) || got != want[:len(got)] {
					t.Errorf("top_p %v, seed %d: %q, want a beginning of %q", topP, seed, got, want)
				}
			}
		}
	}
}

// TestForbiddenOfAll: a request that forbids every token is wrong; it is no failure of the
// server, after which clients ask again.
func TestForbiddenOfAll(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	bias := map[string]int{}
	for id := range s.model.Config().Vocabulary {
		bias[fmt.Sprint(id)] = -100
	}
	for _, prompt := range []string{"caption en", "detect star"} {
		s.post("/v1/chat/completions", ask(prompt, file, map[string]any{"logit_bias": bias}), 400, nil)
	}
}

// TestLengthOfZero: the error names the field that the request has.
func TestLengthOfZero(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		var got struct{ Error apiError }
		s.post("/v1/chat/completions", ask("ocr", file, map[string]any{name: 0}), 400, &got)
		if got.Error.Param == nil || *got.Error.Param != name {
			t.Errorf("%s of 0: %+v, want it to name the field", name, got.Error)
		}
	}
}

// TestNothingToGenerate: ollama's clients ask whether a model is loaded by a request without
// prompt and pictures, whether these are left out, null or empty.
func TestNothingToGenerate(t *testing.T) {
	s := serve(t, Options{})
	for _, body := range []string{`{"model":"tiny"}`, `{"model":"tiny","prompt":"","images":[]}`, `{"model":"tiny","prompt":"","images":null,"keep_alive":0}`} {
		var got ollamaPart
		s.post("/api/generate", []byte(body), 200, &got)
		if !got.Done || got.Reason != "load" || *got.Response != "" {
			t.Errorf("%s: %+v, want done for the reason load", body, got)
		}
	}
}

// TestChoicesBeyondTheContext: a choice that is too long is a wrong request, and so is a
// language that is none.
func TestChoicesBeyondTheContext(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	for param, fields := range map[string]map[string]any{
		"":         {"prompt": "ocr", "choices": []string{"no", strings.Repeat("a ", 900)}},
		"language": {"question": "why?", "language": "e\nn", "choices": []string{"yes", "no"}},
	} {
		fields["image"] = dataURI(file)
		var got struct{ Error apiError }
		s.post("/v1/choose", fields, 400, &got)
		if param == "" && !strings.Contains(got.Error.Message, "choose: text 2 of ") || param != "" && (got.Error.Param == nil || *got.Error.Param != param) {
			t.Errorf("%v: %+v", fields["language"], got.Error)
		}
	}
	s.post("/v1/caption", map[string]any{"image": dataURI(file), "language": "e\tn"}, 400, nil)
}

// TestPromptsWithoutAThing: a prompt to detect nothing is a wrong request, whole or streamed,
// with the likeliest tokens and without: never a stream that begins and breaks off.
func TestPromptsWithoutAThing(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	for _, prompt := range []string{"detect", "segment ;"} {
		for top := range 2 {
			for _, stream := range []bool{false, true} {
				s.post("/v1/chat/completions", ask(prompt, file, map[string]any{"stream": stream, "logprobs": top > 0, "top_logprobs": top}), 400, nil)
				s.post("/api/generate", map[string]any{"model": "tiny", "prompt": prompt, "stream": stream, "logprobs": top > 0, "top_logprobs": top}, 400, nil)
			}
		}
	}
}
