package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/pgcli/paligemma"
)

// A record is what is logged and counted of a request.
type record struct {
	route   string // its path in the table of routes
	status  int    // 0 until the answer begins
	failed  *failure
	waited  time.Duration // for a slot
	room    int           // for its body, which is given back at its end
	fetches bool          // pictures behind URLs, among few requests that do
	prompts []string
	read    int // tokens of prompts
	written int // tokens of answers
}

// add counts an answer.
func (r *record) add(t paligemma.Timings) {
	r.read += t.PromptTokens
	r.written += t.Generated
}

// recordKey is the key of a request's record in its context.
type recordKey struct{}

// recordOf returns the record of a request.
func recordOf(ctx context.Context) *record { return ctx.Value(recordKey{}).(*record) }

// A watched writer notes the status of an answer, for the log, and for those who may only
// answer with an error while nothing is written.
type watched struct {
	http.ResponseWriter
	record *record
	server context.Context // over once the server closes
}

// WriteHeader notes the first status.
func (w watched) WriteHeader(status int) {
	if w.record.status == 0 {
		w.record.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write notes that a status was not written: it is 200 then.
func (w watched) Write(b []byte) (int, error) {
	if w.record.status == 0 {
		w.record.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// lastTime is for a client to take what is left of its answer once the server closes.
const lastTime = time.Second

// SetWriteDeadline is for http.ResponseController. It is the one place that shortens a
// deadline once the server closes: a client that does not read must not keep it, and
// every write sets a deadline anew.
func (w watched) SetWriteDeadline(t time.Time) error {
	control := http.NewResponseController(w.ResponseWriter)
	err := control.SetWriteDeadline(t)
	if last := time.Now().Add(lastTime); w.server.Err() != nil && last.Before(t) { // asked afterwards: it may have closed meanwhile
		err = control.SetWriteDeadline(last)
	}
	return err
}

// Unwrap is for http.ResponseController.
func (w watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// observe counts and logs each request: neither pictures nor, unless asked for,
// prompts. A handler that panics answers status 500; an answer that has begun is cut off, so
// that no client takes it for whole.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, rec := time.Now(), &record{}
		out := watched{w, rec, s.ctx}
		defer func() {
			if p := recover(); p != nil {
				s.opts.Logger.Error("a handler panicked", "route", rec.route, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				rec.failed = &failure{status: http.StatusInternalServerError, err: fmt.Errorf("internal error")}
				if rec.status != 0 {
					s.report(r, rec, time.Since(start))
					panic(http.ErrAbortHandler)
				}
				rec.failed.write(out, r)
			}
			s.report(r, rec, time.Since(start))
		}()
		next.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), recordKey{}, rec)))
	})
}

// report counts and logs a request at its end. Only a failure of the server itself is
// logged as an error: anybody can send wrong requests. An answer that failed after it had
// begun is counted by its failure, and not by the status 200 that the client saw.
func (s *Server) report(r *http.Request, rec *record, took time.Duration) {
	status := rec.status
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("method", r.Method), slog.String("route", rec.route), slog.Duration("took", took)}
	if rec.waited > 0 {
		attrs = append(attrs, slog.Duration("waited", rec.waited))
	}
	if rec.read > 0 {
		attrs = append(attrs, slog.Int("prompt_tokens", rec.read), slog.Int("generated_tokens", rec.written))
	}
	if f := rec.failed; f != nil {
		status = f.status
		// The message of a wrong request quotes it.
		var fault *paligemma.PanicError
		switch {
		case errors.As(f, &fault):
			attrs = append(attrs, slog.String("error", fault.Error()), slog.String("stack", string(fault.Stack)))
		case s.opts.LogPrompts || status >= http.StatusInternalServerError:
			attrs = append(attrs, slog.String("error", f.Error()))
		}
		if status == http.StatusInternalServerError {
			level = slog.LevelError
		}
	}
	if s.opts.LogPrompts && rec.prompts != nil {
		attrs = append(attrs, slog.Any("prompts", rec.prompts))
	}
	s.metrics.request(rec.route, status, took)
	s.opts.Logger.LogAttrs(r.Context(), level, "request", append([]slog.Attr{slog.Int("status", status)}, attrs...)...)
}
