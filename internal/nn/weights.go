package nn

import (
	"fmt"

	"github.com/pgcli/paligemma/internal/legible"
)

// Weights looks up tensors of a store by name and shape. It keeps every error,
// so that a model can ask for all it needs and report all that is wrong at once.
type Weights struct {
	store  *Store
	prefix string
	errs   *[]error
}

// NewWeights looks up tensors of s.
func NewWeights(s *Store) Weights { return Weights{store: s, errs: new([]error)} }

// Sub looks up names that begin with name and i, as "blk.3."; a negative i is
// left out. Errors go to the same list.
func (w Weights) Sub(name string, i int) Weights {
	w.prefix = scoped(w.prefix, name, i)
	return w
}

// Has reports whether the store has a tensor of that name, for the few that a
// model may do without.
func (w Weights) Has(name string) bool {
	_, ok := w.store.tensors[w.prefix+name]
	return ok
}

// Get returns the tensor of that name if it has the given shape. Otherwise it
// keeps a TensorError and returns the zero Tensor.
func (w Weights) Get(name string, shape ...int) Tensor {
	x, ok := w.store.tensors[w.prefix+name]
	ne, err := shape4(x.typ, shape)
	switch {
	case !ok:
		*w.errs = append(*w.errs, &TensorError{Name: w.prefix + name, Want: shape})
	case err != nil || x.ne != ne:
		*w.errs = append(*w.errs, &TensorError{Name: w.prefix + name, Want: shape, Got: x.Shape()})
	default:
		return x
	}
	return Tensor{}
}

// Err returns all errors so far as one; nil if all went well.
func (w Weights) Err() error { return legible.Join(*w.errs...) }

// A TensorError says that a file lacks a tensor or has it in another shape.
type TensorError struct {
	Name string
	Want []int // fastest axis first
	Got  []int // nil when the file lacks the tensor
}

func (e *TensorError) Error() string {
	if e.Got == nil {
		return fmt.Sprintf("tensor %s of shape %v is missing", e.Name, e.Want)
	}
	return fmt.Sprintf("tensor %s has shape %v, want %v", e.Name, e.Got, e.Want)
}
