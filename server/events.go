package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// pingTime is how often a comment is sent in a stream: proxies and clients end
// connections that are silent.
const pingTime = 15 * time.Second

// events writes JSON values as server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController

	mu     sync.Mutex
	first  bool // an event was sent
	err    error
	closed bool
	pings  *time.Timer
}

// newEvents returns a stream. The status is 200 once the first event is sent, so errors
// after it have to be events. The caller must close it before its handler returns: net/http
// allows no write afterwards.
func newEvents(w http.ResponseWriter) *events {
	return &events{w: w, control: http.NewResponseController(w)}
}

// begun reports whether an event was sent.
func (e *events) begun() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.first
}

// send sends a value as an event.
func (e *events) send(v any) error {
	var b bytes.Buffer
	b.WriteString("data: ")
	out := json.NewEncoder(&b) // ends with a line break, and has none in between
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		return err
	}
	b.WriteString("\n")
	return e.write(b.Bytes())
}

// done sends the event that ends a stream of OpenAI's.
func (e *events) done() error { return e.write([]byte("data: [DONE]\n\n")) }

// write sends bytes at once. After an error, and once closed, it sends nothing: it returns
// the first error each time, so that the answer ends at the next token.
func (e *events) write(b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil || e.closed {
		return e.err
	}
	if !e.first {
		e.first = true
		h := e.w.Header()
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no") // nginx would collect events
		e.pings = time.AfterFunc(pingTime, e.ping)
	}
	e.err = push(e.w, e.control, b)
	return e.err
}

// ping sends a comment, which clients skip.
func (e *events) ping() {
	if e.write([]byte(": ping\n\n")) == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		if !e.closed {
			e.pings.Reset(pingTime)
		}
	}
}

// close ends the pings. No write runs when it returns.
func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.pings != nil {
		e.pings.Stop()
	}
}

// push writes bytes and flushes them, within writeTime. A client that takes nothing for so
// long is as good as gone; its error ends the answer.
func push(w http.ResponseWriter, control *http.ResponseController, b []byte) error {
	_ = control.SetWriteDeadline(time.Now().Add(writeTime)) // a writer of tests has none
	if _, err := w.Write(b); err != nil {
		return err
	}
	return control.Flush()
}
