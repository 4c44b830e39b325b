package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/models"
)

// TestOllamaModels: lists and details have what ollama's clients show.
func TestOllamaModels(t *testing.T) {
	s := serve(t, Options{})
	var list struct{ Models []map[string]any }
	for _, path := range []string{"/api/tags", "/api/ps"} {
		w, body := s.send("GET", path, nil)
		list.Models = nil
		must(t, json.Unmarshal(body, &list))
		if w.StatusCode != 200 || len(list.Models) != 1 || list.Models[0]["model"] != "tiny" {
			t.Fatalf("%s: %s", path, body)
		}
		details := list.Models[0]["details"].(map[string]any)
		if details["parameter_size"] != "6.75M" || details["quantization_level"] != "Q8_0" || details["family"] != "gemma" {
			t.Errorf("%s: details %v", path, details)
		}
	}
	if got, want := list.Models[0]["context_length"], float64(s.model.Config().ImageTokens+512); got != want {
		t.Errorf("/api/ps has a context of %v tokens, want the %v of a session", got, want)
	}
	if list.Models[0]["expires_at"] == nil {
		t.Errorf("/api/ps does not say when the model leaves: %v", list.Models[0])
	}
	var shown struct {
		Info map[string]any `json:"model_info"`
	}
	if s.post("/api/show", map[string]any{"name": "tiny"}, 200, &shown); shown.Info["general.parameter_count"] != 6.747265e6 {
		t.Errorf("/api/show: %v", shown.Info)
	}
}

// TestOllamaModelsDoNotWait: tools ask for the list of models while others compute.
func TestOllamaModelsDoNotWait(t *testing.T) {
	reached, goOn := make(chan struct{}), make(chan struct{})
	busy := sync.OnceFunc(func() { close(reached); <-goOn })
	m, err := paligemma.New(models.Tiny(), &paligemma.Options{Engine: paligemma.EngineOptions{Library: testmodel.Engine(t)}, Threads: 1,
		Trace: func(string, []int, []float32) { busy() }})
	must(t, err)
	s, err := New(m, nil)
	must(t, err)
	var all sync.WaitGroup
	defer func() { close(goOn); all.Wait(); must(t, errors.Join(s.Close(), m.Close())) }()
	all.Go(func() { _, _ = m.Encode(context.Background(), image.NewGray(image.Rect(0, 0, 8, 8))) })
	<-reached
	var answered atomic.Int32
	for _, path := range []string{"/api/tags", "/api/ps"} {
		all.Go(func() {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
			if want := fmt.Sprintf(`"size":%d`, m.Config().WeightBytes); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: status %d, %s, want %s in it", path, w.Code, w.Body, want)
			}
			answered.Add(1)
		})
	}
	until(t, "both are answered while a picture is read", func() bool { return answered.Load() == 2 })
}

// TestOllamaVersion: clients compare /api/version with the release of ollama that they
// need, whatever the program's own version is. A build without one calls itself (devel).
func TestOllamaVersion(t *testing.T) {
	for _, own := range []string{"(devel)", "", "v1.2.3+dirty", "v0.0.0-20260102030405-abcdefabcdef+dirty"} {
		s := serve(t, Options{Version: own})
		var got struct{ Version string }
		_, body := s.send("GET", "/api/version", nil)
		must(t, json.Unmarshal(body, &got))
		var release []int
		for part := range strings.SplitSeq(got.Version, ".") {
			n, err := strconv.Atoi(part)
			must(t, err)
			release = append(release, n)
		}
		if len(release) != 3 || slices.Compare(release, []int{0, 6, 4}) < 0 {
			t.Errorf("built as %q: version %q, want three numbers, 0.6.4 or more", own, got.Version)
		}
		var props struct {
			Build string `json:"build_info"`
		}
		_, body = s.send("GET", "/props", nil)
		must(t, json.Unmarshal(body, &props))
		if want := cmp.Or(own, "0.0.0"); props.Build != want {
			t.Errorf("/props has the build %q, want %q", props.Build, want)
		}
	}
}

// TestOllamaErrors are texts, as ollama's clients read them, also of paths that are none.
func TestOllamaErrors(t *testing.T) {
	s := serve(t, Options{Keys: []string{"secret"}})
	picture := base64.StdEncoding.EncodeToString(scene(t, "05"))
	for name, test := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		want               string
	}{
		"no path":  {"POST", "/api/pull", `{"model":"tiny"}`, nil, 404, "no path"},
		"method":   {"DELETE", "/api/show", "", nil, 405, "want POST"},
		"null":     {"POST", "/api/chat", " null\n", nil, 400, "the body is a JSON null, want an object"},
		"array":    {"POST", "/api/chat", "[]", nil, 400, "the body is a JSON array, want an object"},
		"key":      {"POST", "/api/chat", "{}", []string{"Authorization", "Bearer x"}, 401, "no valid API key"},
		"host":     {"GET", "/api/tags", "", []string{"Host", "evil.example"}, 403, "evil.example"},
		"origin":   {"POST", "/api/chat", "{}", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403, "evil.example"},
		"thinking": {"POST", "/api/generate", `{"model":"tiny","prompt":"ocr","think":"high","images":["` + picture + `"]}`, nil, 400, "does not support thinking"},
		"tools":    {"POST", "/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"ocr"}],"tools":[{}]}`, nil, 400, "does not support tools"},
	} {
		w, body := s.send(test.method, test.path, []byte(test.body), append([]string{"Authorization", "Bearer secret"}, test.headers...)...)
		var got map[string]string
		if err := json.Unmarshal(body, &got); err != nil || w.StatusCode != test.status || !strings.Contains(got["error"], test.want) {
			t.Errorf("%s: status %d: %s, want %d: %q", name, w.StatusCode, body, test.status, test.want)
		}
	}
}

// TestOllamaNumbers: a language without whole numbers writes 2.0, and no other part of one.
func TestOllamaNumbers(t *testing.T) {
	for text, want := range map[string]string{`2`: "2", `2.0`: "2", `2e0`: "2", `-1.0`: "-1", `null`: "", `2.5`: "cannot unmarshal", `"2"`: "cannot unmarshal", `1e300`: "cannot unmarshal"} {
		var o ollamaOptions
		err := json.Unmarshal([]byte(`{"num_predict":`+text+`}`), &o)
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case o.Length != nil:
			got = strconv.Itoa(*o.Length)
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("num_predict %s is read as %q, want %q", text, got, want)
		}
	}
}

// TestOllamaIgnored names what a request has and the model does not see.
func TestOllamaIgnored(t *testing.T) {
	s := serve(t, Options{})
	w := s.post("/api/generate", map[string]any{"model": "tiny", "prompt": "ocr", "images": []string{base64.StdEncoding.EncodeToString(scene(t, "05"))},
		"stream": false, "think": false, "system": "be short", "context": []int{1}, "raw": true, "keep_alive": "5m",
		"options": map[string]any{"repeat_penalty": 1.1, "num_ctx": 4096, "temprature": 1, "bad\r\nname: x": 1, "seed": 1}}, 200, nil)
	if got, want := w.Header.Get(ignoredHeader), `context, options.bad\r\nname: x, options.repeat_penalty, options.temprature, system`; got != want {
		t.Errorf("ignored %q, want %q", got, want)
	}
}
