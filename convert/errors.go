package convert

import (
	"errors"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/hparams"
)

// Errors to test for with errors.Is. Each names the option that allows the
// conversion.
var (
	// ErrExists reports an output that exists; Options.Force replaces it.
	ErrExists = gguf.ErrExists

	// ErrBusy reports an output that another process is converting remote weights to.
	ErrBusy = gguf.ErrBusy

	// ErrHalf reports a source that is one of llama.cpp's two files;
	// Options.Projector names the other.
	ErrHalf = hparams.ErrHalf

	// ErrQuantized reports a source that has lost precision before;
	// Options.Requantize accepts it.
	ErrQuantized = errors.New("is quantized already, which loses more than starting from the original")
)

// ErrNoMemory reports a conversion that would take more memory than
// Options.MemoryLimit, or than the system allows.
var ErrNoMemory = errors.New("not enough memory")

// ErrOptions reports a value of Options that no conversion can have, such as a type
// that does not exist.
var ErrOptions = errors.New("wrong option")

// An optionsError is an ErrOptions with the message of its cause.
type optionsError struct{ cause error }

func (e optionsError) Error() string   { return e.cause.Error() }
func (e optionsError) Unwrap() []error { return []error{ErrOptions, e.cause} }
