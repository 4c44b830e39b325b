package paligemma

import (
	"errors"

	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/nn"
)

// Errors to test for with errors.Is.
var (
	// ErrClosed is about a model or session used after its Close.
	ErrClosed = nn.ErrClosed

	// ErrBusy is about a session that is used while another call of it runs.
	ErrBusy = errors.New("in use by another goroutine")

	// ErrNoMemory is about a session whose cache does not fit in
	// Options.CacheMemory.
	ErrNoMemory = errors.New("no memory for another session")

	// ErrContextFull is about a prompt that leaves no room to answer.
	ErrContextFull = decode.ErrFull
)

// A TensorError is a tensor that a file lacks or holds in another shape. Use
// errors.As to get at it.
type TensorError = nn.TensorError
