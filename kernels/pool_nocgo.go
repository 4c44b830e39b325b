//go:build !cgo

package kernels

import "errors"

// ErrNone says that the program was built without cgo, and so without kernels.
var ErrNone = errors.New("kernels: built without cgo")
