package nn

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pgcli/paligemma/bindings"
)

// ErrClosed is wrapped by errors about something used after its Close.
var ErrClosed = errors.New("used after Close")

// An arena owns a native context and counts the graphs that use its tensors.
type arena struct {
	ctx   *bindings.Context
	name  string // for messages
	graph bool   // the context belongs to a graph, not to a store

	mu     sync.Mutex
	users  int // open graphs that read the tensors
	closed bool
}

// hold adds a user. It fails when the arena is closed.
func (a *arena) hold() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("%s: %w", a.name, ErrClosed)
	}
	a.users++
	return nil
}

// release removes a user.
func (a *arena) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users--
}

// shut marks the arena closed and reports whether it was open before. While
// the arena has users it changes nothing and returns an error.
func (a *arena) shut() (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return false, nil
	case a.users > 0:
		return false, fmt.Errorf("nn: close %s: %d open graphs use it", a.name, a.users)
	}
	a.closed = true
	return true, nil
}
