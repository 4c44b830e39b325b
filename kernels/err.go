package kernels

import "errors"

// ErrNone says that this program has no kernels for this processor, or was built
// without cgo.
var ErrNone = errors.New("kernels: none for this processor and build")
