package kernels

import "errors"

// ErrNone says that there are no kernels: for this processor, or because the
// program was built without cgo.
var ErrNone = errors.New("kernels: none for this processor and build")
