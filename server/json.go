package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	bodyTime  = 30 * time.Second // for a client to send a request
	writeTime = 30 * time.Second // for a client to take a piece of an answer
)

// readBody returns the body of a request, at most Options.MaxBody bytes of it. The end
// of the request's context ends the wait for it, and for room in memory, which is the
// request's until its end. A packed body is refused: unpacked, it could be of any size.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, fail(http.StatusUnsupportedMediaType, "Content-Encoding is %.40q: send the body unpacked", coding)
	}
	control := http.NewResponseController(w)
	rec := recordOf(r.Context())
	taken, err := s.bodies.take(r.Context(), r, s.opts.MaxBody)
	if rec.room += taken; err != nil {
		return nil, err
	}
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // a writer of tests has none
	ended := make(chan struct{})
	goOn := context.AfterFunc(r.Context(), func() {
		defer close(ended)
		_ = control.SetReadDeadline(time.Now())
	})
	var data bytes.Buffer
	data.Grow(int(min(max(r.ContentLength, 0), s.opts.MaxBody)) + bytes.MinRead) // growing step by step takes twice as much
	_, err = data.ReadFrom(http.MaxBytesReader(w, r.Body, s.opts.MaxBody))
	if !goOn() {
		<-ended
		cause := context.Cause(r.Context())
		// After bodyTime, net/http ends the context as if the client had left.
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(cause, context.Canceled) {
			return nil, cause
		}
	}
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
	}
	return data.Bytes(), bodyError(err)
}

// bodyError tells what is wrong with a body that could not be read: 413 if it is too
// large, and 408 if it did not come in time or the connection broke.
func bodyError(err error) error {
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return fail(http.StatusRequestEntityTooLarge, "the request has more than %d bytes", tooBig.Limit)
	case err != nil:
		return fail(http.StatusRequestTimeout, "the request's body did not arrive whole, in %v: %w", bodyTime, err)
	}
	return nil
}

// readJSON reads a request's body, one JSON object, into v. Fields that v lacks
// are left out: other servers know more of them. Errors are 400 and name the field, and
// those of readBody. Content-Type is not asked for, as many clients send none.
func (s *Server) readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	data, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	return parse(data, v)
}

// parse parses one JSON object. A null would leave v as it is, and errors would be
// about fields that the request lacks.
func parse(data []byte, v any) error {
	if string(bytes.TrimSpace(data)) == "null" {
		return fail(http.StatusBadRequest, "the body is a JSON null, want an object")
	}
	if err := checkParts(data); err != nil {
		return err
	}
	err := json.Unmarshal(data, v)
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typed) && typed.Field == "":
		return fail(http.StatusBadRequest, "the body is a JSON %s, want %s", typed.Value, wanted(typed))
	case errors.As(err, &typed):
		name := outer.Replace(typed.Field)
		return wrong(name, "field %q is a JSON %s, want %s", name, typed.Value, wanted(typed))
	case err != nil:
		var f *failure
		if errors.As(err, &f) {
			return f
		}
		return fail(http.StatusBadRequest, "the body is no JSON object: %w", err)
	}
	return checkNames(data)
}

// outer takes the names of embedded structs, which no request has, off a field's.
var outer = strings.NewReplacer("pictured.", "", "choosing.", "")

// wanted names the JSON value that a field holds.
func wanted(e *json.UnmarshalTypeError) string {
	switch k := e.Type.Kind().String(); k {
	case "struct", "map":
		return "an object"
	case "slice":
		if e.Type.Name() != "" { // orTexts, orParts
			return "a string or an array"
		}
		return "an array"
	case "bool", "string":
		return "a " + k
	case "float32", "float64":
		if strings.HasPrefix(e.Value, "number ") {
			return "a number that fits a " + k
		}
		return "a number"
	default:
		return "a whole number (" + k + ")"
	}
}

// writeJSON sends a JSON value as the whole answer. Tokens such as <loc0512> stay
// readable: no browser takes JSON for a page, with the header nosniff. An error says that
// the client is gone, as nothing that is sent here fails to encode.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(v)
}
