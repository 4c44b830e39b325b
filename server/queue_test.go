package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// endless returns a request whose answer is long.
func (s *site) endless(more map[string]any) []byte {
	r := ask("caption en", scene(s.t, "05"), map[string]any{"stream": true, "max_tokens": 400, "temperature": 5,
		"logit_bias": map[string]any{strconv.Itoa(int(s.model.EOS())): -100}, "logprobs": true, "top_logprobs": 20})
	for k, v := range more {
		r[k] = v
	}
	data, err := json.Marshal(r)
	must(s.t, err)
	return data
}

// begin sends a request and returns once its answer has begun.
func (s *site) begin(ctx context.Context, body []byte) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, "POST", s.web.URL+"/v1/chat/completions", bytes.NewReader(body))
	must(s.t, err)
	w, err := s.web.Client().Do(r)
	must(s.t, err)
	line, err := bufio.NewReader(w.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "data: ") {
		s.t.Fatalf("answer begins with %q, %v", line, err)
	}
	return w
}

// TestClientThatLeavesFreesItsSlot at once, and the next has its turn. The bound is
// generous, as the machine may be busy; the log has the times.
func TestClientThatLeavesFreesItsSlot(t *testing.T) {
	s := serve(t, Options{Parallel: 1, MaxTokens: 400})
	var times []time.Duration
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		w := s.begin(ctx, s.endless(nil))
		if computed, _ := s.queue.load(); computed != 1 {
			t.Fatalf("%d requests are computed, want 1", computed)
		}
		cancel()
		times = append(times, until(t, "the slot is free", s.idle))
		w.Body.Close()
	}
	s.post("/v1/chat/completions", ask("caption en", scene(t, "05"), nil), 200, nil)
	slices.Sort(times)
	t.Logf("free after %v, at most %v", times[len(times)/2], times[len(times)-1])
	if median := times[len(times)/2]; median > 2*time.Second {
		t.Errorf("a slot is free %v after its client left", median)
	}
}

// TestWaitingClientThatLeaves is no longer in the queue, and others get their turn.
func TestWaitingClientThatLeaves(t *testing.T) {
	s := serve(t, Options{Parallel: 1, Queue: 1})
	session, err := s.queue.take(t.Context())
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		r, _ := http.NewRequestWithContext(ctx, "POST", s.web.URL+"/v1/chat/completions", bytes.NewReader(s.endless(nil)))
		_, err := s.web.Client().Do(r)
		left <- err
	}()
	until(t, "it waits", func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return s.queue.inside == 1 })
	cancel()
	if <-left == nil {
		t.Error("a request that was cancelled has an answer")
	}
	until(t, "it left", func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return s.queue.inside == 0 })
	s.queue.give(session, time.Second)
}

// TestFullQueue answers 429 with the time to wait, and goes on afterwards.
func TestFullQueue(t *testing.T) {
	s := serve(t, Options{Parallel: 1, Queue: 1})
	must(t, s.queue.enter())
	must(t, s.queue.enter())
	w, body := s.send("POST", "/v1/chat/completions", s.endless(nil))
	after, _ := strconv.Atoi(w.Header.Get("Retry-After"))
	if w.StatusCode != 429 || after < 1 || after > 60 || !strings.Contains(string(body), `"type":"rate_limit_error"`) {
		t.Errorf("status %d, Retry-After %d: %s", w.StatusCode, after, body)
	}
	if w, _ := s.send("GET", "/health", nil); w.StatusCode != 200 {
		t.Errorf("health while the queue is full: %d", w.StatusCode)
	}
	s.queue.leave()
	s.queue.leave()
	s.post("/v1/chat/completions", ask("caption en", scene(t, "05"), nil), 200, nil)
}

// TestShutdown lets a request end, answers others with 503, and frees all.
func TestShutdown(t *testing.T) {
	s := serve(t, Options{})
	w := s.begin(t.Context(), s.endless(map[string]any{"max_tokens": 30}))
	s.Drain()
	for _, path := range []string{"/v1/chat/completions", "/api/chat"} {
		if w, body := s.send("POST", path, []byte("{}")); w.StatusCode != 503 || w.Header.Get("Retry-After") == "" {
			t.Errorf("%s while it drains: %d %s", path, w.StatusCode, body)
		}
	}
	if w, _ := s.send("GET", "/health", nil); w.StatusCode != 503 {
		t.Errorf("health while it drains: %d", w.StatusCode)
	}
	var rest bytes.Buffer
	_, err := rest.ReadFrom(w.Body)
	must(t, err)
	w.Body.Close()
	must(t, s.Shutdown(t.Context()))
	if !strings.HasSuffix(rest.String(), "data: [DONE]\n\n") {
		t.Errorf("the answer ends with %q", rest.String()[max(0, rest.Len()-200):])
	}
	must(t, s.Close())
}

// TestCloseEndsRequests that run: their stream says so.
func TestCloseEndsRequests(t *testing.T) {
	s := serve(t, Options{})
	w := s.begin(t.Context(), s.endless(nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if err := s.Shutdown(ctx); err != context.DeadlineExceeded && !strings.Contains(err.Error(), "deadline") {
		t.Errorf("shutdown: %v", err)
	}
	var rest bytes.Buffer
	_, err := rest.ReadFrom(w.Body)
	must(t, err)
	w.Body.Close()
	if !strings.Contains(rest.String(), `data: {"error":{"message":"the server shuts down"`) || strings.Contains(rest.String(), "[DONE]") {
		t.Errorf("the stream ends with %q", rest.String()[max(0, rest.Len()-300):])
	}
}

// TestTimeout ends a request that computes, and one that waits.
func TestTimeout(t *testing.T) {
	s := serve(t, Options{Parallel: 1, Timeout: 20 * time.Millisecond})
	session, err := s.queue.take(t.Context())
	must(t, err)
	w, body := s.send("POST", "/v1/chat/completions", s.endless(nil))
	if w.StatusCode != 504 || w.Header.Get("X-Should-Retry") != "false" || !strings.Contains(string(body), "timeout_error") {
		t.Errorf("status %d: %s", w.StatusCode, body)
	}
	s.queue.give(session, 0)
	w, body = s.send("POST", "/v1/chat/completions", s.endless(map[string]any{"stream": false, "n": 8}))
	if w.StatusCode != 504 {
		t.Errorf("status %d: %s", w.StatusCode, body)
	}
}
