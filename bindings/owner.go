package bindings

import (
	"errors"
	"sync"
)

// ErrClosed is returned for a handle that is closed.
var ErrClosed = errors.New("closed")

// An owner holds a native object that must be freed once. Its methods are
// safe on nil and for concurrent use.
type owner[P ~uintptr] struct {
	mu   sync.Mutex
	ptr  P
	lib  *Lib
	free func(P)
}

// open takes ownership of ptr.
func (o *owner[P]) open(lib *Lib, ptr P, free func(P)) {
	o.ptr, o.lib, o.free = ptr, lib, free
	lib.live.Add(1)
}

// isClosed reports whether there is nothing behind the handle.
func (o *owner[P]) isClosed() bool { return o.ptr == 0 }

// Close frees the native object. It is safe on nil and when already closed.
func (o *owner[P]) Close() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ptr != 0 {
		o.free(o.ptr)
		o.ptr = 0
		o.lib.live.Add(-1)
	}
	return nil
}
