package paligemma

import (
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/nn"
)

// Errors to test for with errors.Is. A server answers an ErrRequest with a status
// for requests that are wrong (HTTP 400), and everything else as its own failure.
var (
	// ErrRequest is about a prompt, a picture or sampling that is wrong. Every error
	// that is one of the next three is also an ErrRequest.
	ErrRequest = errors.New("wrong request")

	ErrPrompt   = errors.New("wrong prompt")   // also ErrContextFull, if it is too long
	ErrPicture  = errors.New("wrong picture")  // wraps the cause: image.ErrFormat, or an error that says what is not supported
	ErrSampling = errors.New("wrong sampling") // the error names the value

	// ErrOptions is about Options with a value that is wrong, or that this machine
	// does not have, such as a device.
	ErrOptions = errors.New("wrong options")

	// ErrClosed is about a model or session used after its Close.
	ErrClosed = nn.ErrClosed

	// ErrBusy is about a session that is used while another call of it runs.
	ErrBusy = errors.New("in use by another goroutine")

	// ErrNoMemory is about a session whose cache does not fit in Options.CacheMemory
	// or MemoryLimit, and about a model that does not fit in Options.MemoryLimit, or
	// in the memory that the system allows. The error has the sum and its parts.
	ErrNoMemory = errors.New("not enough memory")

	// ErrFileChanged is about a file that was written to while its model was open.
	// Close the model and open it again.
	ErrFileChanged = gguf.ErrChanged

	// ErrNotFinite is about NaN or infinite numbers in a computation: the weights are
	// damaged, or their results do not fit in the types that hold them. The error has
	// the place where they were found.
	ErrNotFinite = nn.ErrNotFinite

	// ErrContextFull is about a prompt that leaves no room to answer, and about tokens
	// or texts of Session.Append, Read, Score or Choose for which the session has no room.
	ErrContextFull = decode.ErrFull
)

// errNilContext is about a context that is nil, which calls that compute refuse in the same words.
var errNilContext = errors.New("the context is nil")

// A requestError is an ErrRequest of a kind: ErrPrompt, ErrPicture or ErrSampling.
// Its message is the cause alone.
type requestError struct{ kind, cause error }

func (e *requestError) Error() string   { return "paligemma: " + e.cause.Error() }
func (e *requestError) Unwrap() []error { return []error{ErrRequest, e.kind, e.cause} }

// requestf returns a requestError.
func requestf(kind error, format string, args ...any) error {
	return &requestError{kind, fmt.Errorf(format, args...)}
}

// scoreFailed returns the error of a call that compares texts: a text that does not fit in
// the context is a wrong request. A text that is refused already has its error.
func scoreFailed(call string, err error) error {
	if errors.Is(err, ErrRequest) {
		return err
	}
	if errors.Is(err, ErrContextFull) {
		return requestf(ErrPrompt, "%s: %w", call, err)
	}
	return fmt.Errorf("paligemma: %s: %w", call, err)
}

// An optionsError is an ErrOptions. Its message is the cause alone.
type optionsError struct{ cause error }

func (e *optionsError) Error() string   { return e.cause.Error() }
func (e *optionsError) Unwrap() []error { return []error{ErrOptions, e.cause} }

// A TensorError is a tensor that a file lacks or holds in another shape. Use
// errors.As to get at it.
type TensorError = nn.TensorError

// A PanicError is returned for a panic while a model is opened or computes: a mistake
// of this package, or of an Options.Trace. Others who use the model are not harmed.
type PanicError = guard.PanicError
