package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// TestOpenAPI has the description and the table of routes name the same paths, and
// an answer of each path be as described.
func TestOpenAPI(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	must(t, err)
	must(t, doc.Validate(t.Context()))
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, r := range routes {
		path := strings.TrimSuffix(r.path, "{$}")
		if !described[r.method+" "+path] {
			t.Errorf("%s %s is not described", r.method, path)
		}
		delete(described, r.method+" "+path)
	}
	for route := range described {
		t.Errorf("%s is described, and no route", route)
	}
	router, err := gorillamux.NewRouter(doc)
	must(t, err)
	s, file := serve(t, Options{}), scene(t, "05")
	uri := dataURI(file)
	examples := map[string]map[string]any{
		"/v1/chat/completions": ask("segment cross", file, map[string]any{"logprobs": true, "top_logprobs": 2, "paligemma": map[string]any{"masks": "png"}}),
		"/v1/detect":           {"image": uri, "labels": []string{"cross"}, "tokens": true}, "/v1/segment": {"image": uri, "labels": []string{"cross"}, "format": "roboflow"},
		"/v1/caption": {"image": uri}, "/v1/answer": {"image": uri, "question": "is there a pink star?"}, "/v1/ocr": {"image": uri},
		"/v1/choose": {"image": uri, "question": "is there a pink star?", "choices": []string{"yes", "no"}},
		"/tokenize":  {"content": "caption en", "with_pieces": true}, "/detokenize": {"tokens": []int{5, 6}},
		"/api/show": {"model": "tiny"}, "/api/generate": {"model": "tiny", "prompt": "ocr", "images": []string{base64.StdEncoding.EncodeToString(file)}, "stream": false},
		"/api/chat": {"model": "tiny", "stream": false, "messages": []any{map[string]any{"role": "user", "content": "ocr", "images": []string{base64.StdEncoding.EncodeToString(file)}}}},
		"/setup":    {"schema": config}, "/webhook": {}, "/predict": {"label_config": config, "tasks": []any{map[string]any{"id": 1, "data": map[string]any{"photo": uri}}}},
	}
	check := func(r route, body []byte, fails bool) {
		path := strings.NewReplacer("{model}", "tiny", "{file}", "page.css", "{$}", "").Replace(r.path)
		request, err := http.NewRequest(r.method, path, bytes.NewReader(body))
		must(t, err)
		request.Header.Set("Content-Type", "application/json")
		at, params, err := router.FindRoute(request)
		must(t, err)
		in := &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: at, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
		if body != nil && !fails {
			if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
				t.Errorf("%s: the example is not as described: %v", path, err)
			}
		}
		w, got := s.send(r.method, path, body, "Content-Type", "application/json")
		if (w.StatusCode >= 400) != fails {
			t.Errorf("%s: status %d: %.300s", path, w.StatusCode, got)
		}
		if kind := w.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
			return
		}
		err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: w.StatusCode, Header: w.Header, Body: io.NopCloser(bytes.NewReader(got))})
		if err != nil {
			t.Errorf("%s: the answer is not as described: %.600s", path, err)
		}
	}
	for _, r := range routes {
		if r.method == "GET" {
			check(r, nil, false)
			continue
		}
		example, ok := examples[r.path]
		if !ok {
			t.Errorf("no example for %s", r.path)
		}
		data, err := json.Marshal(example)
		must(t, err)
		check(r, data, false)
		if r.path != "/webhook" {
			check(r, []byte("{"), true)
		}
	}
}
