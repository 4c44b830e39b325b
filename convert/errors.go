package convert

import "errors"

// Errors to test for with errors.Is, about what has to be asked for.
var (
	// ErrExists is about an output that is there; Options.Force replaces it.
	ErrExists = errors.New("exists already")

	// ErrHalf is about a source that is one of llama.cpp's two files;
	// Options.Projector names the other.
	ErrHalf = errors.New("is half a model, in llama.cpp's two-file form")

	// ErrQuantized is about a source that has lost precision before;
	// Options.Requantize accepts it.
	ErrQuantized = errors.New("is quantized already, which loses more than starting from the original")
)
