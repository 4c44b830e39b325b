package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// dial opens a connection and sends the beginning of a request for a caption, whose
// body has n bytes.
func (s *site) dial(n int, body string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.web.Listener.Addr().String())
	must(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	_, err = fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", n, body)
	must(s.t, err)
	return c
}

// TestBodyThatStops in its middle is waited for no longer than the request may take,
// and not by a server that shuts down.
func TestBodyThatStops(t *testing.T) {
	s := serve(t, Options{Timeout: 50 * time.Millisecond})
	w, err := http.ReadResponse(bufio.NewReader(s.dial(1000, "{")), nil)
	must(t, err)
	body, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != 504 || !strings.Contains(string(body), "timeout_error") {
		t.Errorf("status %d, %v: %s", w.StatusCode, err, body)
	}
	until(t, "it left", s.idle)

	s = serve(t, Options{})
	c := s.dial(1000, "{")
	until(t, "it is inside", func() bool { _, waiting := s.queue.load(); return waiting == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if took := time.Since(start); took > bodyTime/2 {
		t.Errorf("the shutdown took %v", took)
	}
	if w, err = http.ReadResponse(bufio.NewReader(c), nil); err != nil || w.StatusCode != 503 {
		t.Errorf("the answer is %+v, %v", w, err)
	}
}

// A timed writer knows since when it waits for its client.
type timed struct {
	http.ResponseWriter
	since atomic.Pointer[time.Time] // nil while it does not write
}

func (w *timed) Write(b []byte) (int, error) {
	defer w.enter()()
	return w.ResponseWriter.Write(b)
}

func (w *timed) FlushError() error {
	defer w.enter()()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *timed) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *timed) enter() (leave func()) {
	now := time.Now()
	w.since.Store(&now)
	return func() { w.since.Store(nil) }
}

// stuck reports whether its client does not read.
func (w *timed) stuck() bool {
	since := w.since.Load()
	return since != nil && time.Since(*since) > 200*time.Millisecond
}

// A dated writer notes the last deadline of its writes.
type dated struct {
	http.ResponseWriter
	deadline time.Time
}

func (w *dated) SetWriteDeadline(t time.Time) error {
	w.deadline = t
	return nil
}

func (w *dated) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestLastWritesAreShort: once a server closes, whatever it still writes waits for its client
// no longer than lastTime, also what sets a deadline of its own after the server closed.
func TestLastWritesAreShort(t *testing.T) {
	s := serve(t, Options{})
	for _, closed := range []bool{false, true} {
		if closed {
			must(t, s.Close())
		}
		for name, write := range map[string]func(w http.ResponseWriter) error{
			"JSON":  func(w http.ResponseWriter) error { return writeJSON(w, 200, "x") },
			"event": func(w http.ResponseWriter) error { return push(w, http.NewResponseController(w), []byte("x")) },
		} {
			w := &dated{ResponseWriter: httptest.NewRecorder()}
			before := time.Now()
			must(t, write(watched{w, &record{}, s.ctx}))
			if got := time.Until(w.deadline); closed && got > lastTime {
				t.Errorf("%s: the last deadline is in %v, want %v at most", name, got, lastTime)
			}
			if got := w.deadline.Sub(before); !closed && got < writeTime {
				t.Errorf("%s: the deadline is after %v, want %v", name, got, writeTime)
			}
		}
	}
}

// TestClientThatDoesNotRead keeps no server from ending, and others get their answers.
func TestClientThatDoesNotRead(t *testing.T) {
	s := serve(t, Options{Parallel: 2})
	writer := &timed{}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writer.ResponseWriter = w
		s.ServeHTTP(writer, r)
	}))
	web.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		must(t, c.(*net.TCPConn).SetWriteBuffer(4<<10))
		return ctx
	}
	web.Start()
	defer web.Close()
	c, err := net.Dial("tcp", web.Listener.Addr().String())
	must(t, err)
	defer c.Close()
	must(t, c.(*net.TCPConn).SetReadBuffer(4<<10))
	body := s.endless(map[string]any{"n": 8})
	_, err = fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	must(t, err)
	until(t, "the server waits for it", writer.stuck)
	s.post("/v1/chat/completions", ask("caption en", scene(t, "05"), nil), 200, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if took := time.Since(start); took > writeTime/2 {
		t.Errorf("the shutdown took %v", took)
	}
}
