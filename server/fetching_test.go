package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgcli/paligemma"
)

// TestFewFetchPictures: requests with pictures behind URLs wait while as many others are
// inside as may be, and let the next one in at their end.
func TestFewFetchPictures(t *testing.T) {
	file, hits := scene(t, "05"), atomic.Int32{}
	studio := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		w.Write(file)
	}))
	defer studio.Close()
	s := serve(t, Options{LabelStudio: LabelStudio{studio.URL, "secret"}, Timeout: time.Hour})
	task := map[string]any{"data": map[string]any{"photo": "/1.jpg"}}
	request := map[string]any{"label_config": config, "tasks": []any{task, task}}
	for range mostFetching - 1 {
		s.sources.fetching <- struct{}{}
	}
	s.post("/predict", request, 200, nil)
	if n := len(s.sources.fetching); n != mostFetching-1 {
		t.Errorf("%d requests fetch after one ended, want %d", n, mostFetching-1)
	}
	s.sources.fetching <- struct{}{}
	before := hits.Load()
	refused := map[string]any{"messages": []any{map[string]any{"role": "user", "content": []any{map[string]any{
		"type": "image_url", "image_url": map[string]any{"url": "http://elsewhere.example/1.jpg"}}}}}}
	s.post("/v1/chat/completions", refused, 400, nil) // does not wait
	ended := errors.New("ended")
	ctx, end := context.WithCancelCause(context.WithValue(t.Context(), recordKey{}, &record{}))
	end(ended)
	if _, err := s.sources.studio(ctx, "photo", "/1.jpg"); err != ended {
		t.Errorf("beside %d others: error %v, want %v", mostFetching, err, ended)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.post("/predict", request, 200, nil)
	}()
	until(t, "it is inside", func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return s.queue.inside == 1 })
	time.Sleep(50 * time.Millisecond) // what must not happen has no moment of its own
	if n := hits.Load(); n != before {
		t.Errorf("%d pictures were fetched beside %d other requests", n-before, mostFetching)
	}
	for range mostFetching {
		<-s.sources.fetching
	}
	<-done
}

// TestPanicAfterTheStart cuts the answer off: half of it is never shown as the whole.
func TestPanicAfterTheStart(t *testing.T) {
	s := serve(t, Options{})
	web := httptest.NewServer(s.observe(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		w.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(http.Flusher).Flush()
		panic("a mistake")
	})))
	w, err := http.Get(web.URL)
	must(t, err)
	if data, err := io.ReadAll(w.Body); string(data) != "half" || err == nil {
		t.Errorf("read %q, error %v, want an error", data, err)
	}
	must(t, w.Body.Close())
	web.Close() // and the handler has ended
	if log := s.log.String(); !strings.Contains(log, "a mistake") || !strings.Contains(log, "status=500") {
		t.Errorf("the log is %s", log)
	}
}

// TestManyIgnoredNames do not fill the header.
func TestManyIgnoredNames(t *testing.T) {
	w := httptest.NewRecorder()
	sayIgnored(w, slices.Repeat([]string{"options.x"}, 60000))
	if h := w.Header().Get(ignoredHeader); len(h) > 300 || !strings.HasSuffix(h, ", and 59980 more") {
		t.Errorf("%d bytes: %.300s", len(h), h)
	}
}

// TestPanicsStayHere: the client hears no function of the program, and the log has the stack.
func TestPanicsStayHere(t *testing.T) {
	s := serve(t, Options{})
	fault := &paligemma.PanicError{Value: "a mistake", Stack: []byte("goroutine 1")}
	w := httptest.NewRecorder()
	s.observe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := failureOf(fmt.Errorf("picture: %w", fault))
		recordOf(r.Context()).failed = f
		f.write(w, r)
	})).ServeHTTP(w, httptest.NewRequest("POST", "/v1/detect", nil))
	if body := w.Body.String(); w.Code != 500 || !strings.Contains(body, "internal error") || strings.Contains(body, "mistake") {
		t.Errorf("status %d: %s", w.Code, body)
	}
	if log := s.log.String(); !strings.Contains(log, "a mistake") || !strings.Contains(log, "goroutine 1") {
		t.Errorf("the log is %s", log)
	}
}
