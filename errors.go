package paligemma

import (
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/nn"
)

// Errors to test for with errors.Is.
var (
	// ErrClosed is about a model or session used after its Close.
	ErrClosed = nn.ErrClosed

	// ErrContextFull is about a prompt that leaves no room to answer.
	ErrContextFull = decode.ErrFull
)

// A TensorError is a tensor that a file lacks or holds in another shape. Use
// errors.As to get at it.
type TensorError = nn.TensorError
