package server

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
)

// TestTasks: each task asks the prompt that the model was trained with, and answers as the
// model does, in each form of the request.
func TestTasks(t *testing.T) {
	s, file := serve(t, Options{MaxTokens: 40}), scene(t, "05")
	for _, c := range []struct {
		path   string
		fields map[string]any
		prompt paligemma.Prompt
	}{
		{"/v1/caption", nil, "caption en"},
		{"/v1/caption", map[string]any{"language": "de"}, "caption de"},
		{"/v1/answer", map[string]any{"question": "is there a pink star?"}, "answer en is there a pink star?"},
		{"/v1/ocr", nil, "ocr"},
	} {
		want := run(t, s.model, file, c.prompt, &paligemma.Sampling{MaxTokens: 40})
		var got taskAnswer
		body, query, fields := map[string]any{"image": dataURI(file)}, "", []string{}
		for name, value := range c.fields {
			body[name] = value
			query += "&" + name + "=" + strings.ReplaceAll(value.(string), " ", "+")
			fields = append(fields, name, value.(string))
		}
		check := func(form string) {
			t.Helper()
			if got.Prompt != c.prompt || got.Text != want.Text || got.Model != "tiny" || got.Image != (sizeObject{336, 336}) || len(got.Tokens) != len(want.Tokens) {
				t.Errorf("%s as %s: %q about %q, want %q about %q", c.path, form, got.Text, got.Prompt, want.Text, c.prompt)
			}
			got = taskAnswer{}
		}
		s.post(c.path, body, 200, &got)
		check("JSON")
		_, data := s.send("POST", c.path+"?"+query, file, "Content-Type", "image/jpeg")
		must(t, json.Unmarshal(data, &got))
		check("a picture")
		sent, kind := form(t, file, fields...)
		_, data = s.send("POST", c.path, sent, "Content-Type", kind)
		must(t, json.Unmarshal(data, &got))
		check("a form")
	}
	for path, fields := range map[string]map[string]any{"/v1/answer": {}, "/v1/caption": {"question": "why?"}, "/v1/ocr": {"max_tokens": 0}} {
		fields["image"] = dataURI(file)
		s.post(path, fields, 400, nil)
	}
}

// TestChoose compares with the model's own probabilities of given answers.
func TestChoose(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	choices := []string{"yes", "no", "perhaps"}
	session, err := s.model.NewSession()
	must(t, err)
	defer session.Close()
	images, _, err := (&held{server: s.Server}).encode(t.Context(), [][]byte{file})
	must(t, err)
	must(t, session.Prefill(t.Context(), images, "answer en is there a pink star?"))
	want, err := session.Choose(t.Context(), choices...)
	must(t, err)
	for _, ask := range []map[string]any{{"question": "is there a pink star?"}, {"prompt": "answer en is there a pink star?"}} {
		ask["image"], ask["choices"] = dataURI(file), choices
		var got chosen
		s.post("/v1/choose", ask, 200, &got)
		sum := 0.0
		for _, c := range got.Choices {
			sum += c.Probability
		}
		if !slices.Equal(got.Choices, want) || got.Best != mostProbable(want).Text || got.Prompt != "answer en is there a pink star?" || math.Abs(sum-1) > 1e-6 {
			t.Errorf("%+v, want %+v, which add up to 1", got, want)
		}
	}
	for _, wrong := range []map[string]any{{"question": "x"}, {"question": "x", "choices": []string{"a"}}, {"question": "x", "choices": []string{"a", "a"}},
		{"choices": choices}, {"question": "x", "prompt": "y", "choices": choices}, {"question": "x", "choices": []string{"a", ""}}} {
		wrong["image"] = dataURI(file)
		s.post("/v1/choose", wrong, 400, nil)
	}
}

// TestTokens: ids and texts are the model's own, and turn into each other.
func TestTokens(t *testing.T) {
	s := serve(t, Options{})
	const text = "detect cross <loc0512>\n é"
	var ids struct{ Tokens []int32 }
	s.post("/tokenize", map[string]any{"content": text}, 200, &ids)
	if !slices.Equal(ids.Tokens, s.model.Tokenize(text)) || len(ids.Tokens) < 4 {
		t.Errorf("ids %v, want %v", ids.Tokens, s.model.Tokenize(text))
	}
	var back struct{ Content string }
	if s.post("/detokenize", map[string]any{"tokens": ids.Tokens}, 200, &back); back.Content != text {
		t.Errorf("text %q, want %q", back.Content, text)
	}
	s.post("/tokenize", map[string]any{"content": "caption en", "add_special": true}, 200, &ids)
	if !slices.Equal(ids.Tokens, s.model.PromptIDs("caption en")) {
		t.Errorf("ids %v of a prompt, want %v", ids.Tokens, s.model.PromptIDs("caption en"))
	}
	var pieces struct{ Tokens []tokenPiece }
	s.post("/tokenize", map[string]any{"content": "<loc0512>", "with_pieces": true}, 200, &pieces)
	if len(pieces.Tokens) != 1 || pieces.Tokens[0].Piece != "<loc0512>" {
		t.Errorf("pieces %+v", pieces.Tokens)
	}
}

// TestTextsThatAreTooLong: a text is not cut into tokens if no prompt is so long, as nothing
// ends that: it takes a second for each megabyte, and a body may have many.
func TestTextsThatAreTooLong(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	long := strings.Repeat("star;", mostText/5+1)
	for path, body := range map[string]map[string]any{
		"/tokenize":            {"content": long, "add_special": true},
		"/v1/chat/completions": ask("detect "+long[:len(long)-1], file, nil),
		"/v1/choose":           {"image": dataURI(file), "question": "which?", "choices": []string{"a", long}},
		"/v1/answer":           {"image": dataURI(file), "question": long},
	} {
		data, err := json.Marshal(body)
		must(t, err)
		w, got := s.send("POST", path, data, "Content-Type", "application/json")
		if want := map[bool]string{true: "want at most 1048576", false: "tokens or more"}[path == "/tokenize"]; w.StatusCode != 400 || !strings.Contains(string(got), want) {
			t.Errorf("%s: status %d, %.200s, want 400 and %q", path, w.StatusCode, got, want)
		}
	}
	s.post("/tokenize", map[string]any{"content": long[:1000]}, 200, nil)
}

// TestProps tells the limits and the model's sizes.
func TestProps(t *testing.T) {
	s := serve(t, Options{Parallel: 3, Queue: 5, MaxTokens: 77, MaxBody: 1 << 20})
	var p properties
	_, data := s.send("GET", "/props", nil)
	must(t, json.Unmarshal(data, &p))
	c := s.model.Config()
	want := modelFacts{Family: c.Family, ImageSize: c.ImageSize, ImageTokens: c.ImageTokens, Context: c.Context, Vocabulary: c.Vocabulary, Masks: true, Queue: 5, MaxBody: 1 << 20}
	if p.Slots != 3 || p.Defaults.MaxTokens != 77 || p.Defaults.Context != c.ImageTokens+512 || p.ModelPath != "tiny" || !p.Modalities["vision"] || p.PaliGemma != want {
		t.Errorf("%s, want %+v", data, want)
	}
}

// TestMountedElsewhere mounts the server in a program's own mux, below a path: pages,
// answers and errors are as at the root.
func TestMountedElsewhere(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	mux := http.NewServeMux()
	mux.Handle("/vision/", http.StripPrefix("/vision", s.Server))
	t.Cleanup(s.web.Close)
	s.web = httptest.NewServer(mux)
	for path, want := range map[string]string{"/vision/": "<!doctype html>", "/vision": "<!doctype html>", "/vision/page/page.css": "color-scheme", "/vision/health": "ok",
		"/vision/none": "no path", "/vision/api/none": `{"error":"no path`, "/health": "404"} {
		if w, body := s.send("GET", path, nil); !strings.Contains(string(body), want) {
			t.Errorf("GET %s: status %d, %.200q, want %q in it", path, w.StatusCode, body, want)
		}
	}
	var got taskAnswer
	s.post("/vision/v1/caption", map[string]any{"image": dataURI(file)}, 200, &got)
	if want := run(t, s.model, file, "caption en", nil); got.Text != want.Text {
		t.Errorf("%q, want %q", got.Text, want.Text)
	}
}
