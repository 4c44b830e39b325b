package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pgcli/paligemma"
)

// A failure is an answer that is an error. Its message is for the client: it names the
// field, its value, what was expected and what to do, and nothing of the machine.
type failure struct {
	status int
	err    error
	param  string        // the field of the request that is wrong, if it is one
	after  time.Duration // when to try again; 0 if that is no use
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail returns a failure.
func fail(status int, format string, args ...any) error {
	return &failure{status: status, err: fmt.Errorf(format, args...)}
}

// wrong returns a failure about a field of a request.
func wrong(param, format string, args ...any) error {
	return &failure{status: http.StatusBadRequest, err: fmt.Errorf(format, args...), param: param}
}

// statusClosed is for the log: the client left before its answer.
const statusClosed = 499

// Causes of contexts that end.
var (
	errTimeout  = errors.New("the time of a request is over")
	errShutdown = errors.New("the server shuts down")
)

// failureOf tells how an error is answered. The client is wrong only if the error says so:
// an error of no known kind is the server's, with status 500. Clients of OpenAI ask again
// after 408, 409, 429 and 5xx, so that each of these must be worth another try, or have
// the header that write sets.
func failureOf(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, errShutdown) || errors.Is(err, paligemma.ErrClosed):
		return &failure{status: http.StatusServiceUnavailable, err: errShutdown, after: time.Second}
	case errors.Is(err, errTimeout):
		return &failure{status: http.StatusGatewayTimeout, err: errTimeout}
	case errors.Is(err, context.Canceled):
		return &failure{status: statusClosed, err: errors.New("the client left")}
	case errors.Is(err, paligemma.ErrNoMemory):
		return &failure{status: http.StatusServiceUnavailable, err: err, after: time.Second}
	case errors.Is(err, paligemma.ErrRequest):
		return &failure{status: http.StatusBadRequest, err: err}
	}
	if errors.As(err, new(*paligemma.PanicError)) { // the log has what it says, and where
		err = internalError{err}
	}
	return &failure{status: http.StatusInternalServerError, err: err}
}

// An internalError hides an error from clients.
type internalError struct{ err error }

func (internalError) Error() string   { return "internal error" }
func (e internalError) Unwrap() error { return e.err }

// types are the names that OpenAI and llama-server have for kinds of errors.
var types = map[int]string{
	http.StatusUnauthorized:       "authentication_error",
	http.StatusForbidden:          "permission_error",
	http.StatusNotFound:           "not_found_error",
	http.StatusTooManyRequests:    "rate_limit_error",
	http.StatusNotImplemented:     "not_supported_error",
	http.StatusServiceUnavailable: "unavailable_error",
	http.StatusGatewayTimeout:     "timeout_error",
}

// typeOf returns the name of a status.
func typeOf(status int) string {
	if name, ok := types[status]; ok {
		return name
	}
	if status >= http.StatusInternalServerError {
		return "server_error"
	}
	return "invalid_request_error"
}

// An apiError is an error as OpenAI's clients read it.
type apiError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// object returns the object of a failure in OpenAI's form.
func (f *failure) object() any {
	e := apiError{Message: f.Error(), Type: typeOf(f.status)}
	if f.param != "" {
		e.Param = &f.param
	}
	return map[string]apiError{"error": e}
}

// plain returns the object of a failure in ollama's form.
func (f *failure) plain() any { return map[string]string{"error": f.Error()} }

// write sends a failure in the form that the protocol of the request's path has: ollama's
// clients show the field error as a text. Retry-After is in whole seconds, 1 or more
// (RFC 9110, 10.2.3). The headers must not be written yet.
func (f *failure) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if f.after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(max(1, (f.after+time.Second-1)/time.Second))))
	}
	if f.status == http.StatusGatewayTimeout { // OpenAI's clients would ask for the same work again
		h.Set("X-Should-Retry", "false")
	}
	if f.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="pgcli"`)
	}
	body := f.object()
	if strings.HasPrefix(r.URL.Path, "/api/") {
		body = f.plain()
	}
	writeJSON(w, f.status, body)
}
