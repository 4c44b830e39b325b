package nn

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pgcli/paligemma/bindings"
)

// ErrClosed is wrapped by errors about something used after its Close.
var ErrClosed = errors.New("used after Close")

// An arena owns a native context, and knows who still uses its tensors.
type arena struct {
	ctx   *bindings.Context
	name  string // for messages
	graph bool   // of a graph, not a store

	mu     sync.Mutex
	users  int // open graphs that read the tensors
	closed bool
}

// hold counts a user in; it fails when the arena is closed.
func (a *arena) hold() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("%s: %w", a.name, ErrClosed)
	}
	a.users++
	return nil
}

// release counts a user out.
func (a *arena) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users--
}

// shut marks the arena closed. It reports false when it was already, and an
// error, changing nothing, while it has users.
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
