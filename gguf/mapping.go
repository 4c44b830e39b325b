package gguf

import (
	"errors"
	"io"
	"os"
	"sync"
)

// A mapping is a file in memory. The lock keeps a read from meeting an unmap;
// slices handed out are beyond its care.
type mapping struct {
	mu    sync.RWMutex
	data  []byte // nil when closed
	unmap func([]byte) error
}

// errNotMapped makes Open read the file instead; errRange cannot happen for a
// tensor that parsing has placed, and guards against a mistake there.
var (
	errNotMapped = errors.New("file cannot be mapped")
	errRange     = errors.New("range outside the mapping")
)

// ReadAt implements [io.ReaderAt].
func (m *mapping) ReadAt(p []byte, off int64) (int, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.data == nil {
		return 0, os.ErrClosed
	}
	if off < 0 {
		return 0, errRange
	}
	if off >= int64(len(m.data)) {
		return 0, io.EOF
	}
	n := copy(p, m.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// slice returns size bytes from off, without room to append into what follows.
func (m *mapping) slice(off, size int64) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.data == nil {
		return nil, os.ErrClosed
	}
	if n := int64(len(m.data)); off < 0 || off > n || size < 0 || size > n-off {
		return nil, errRange
	}
	return m.data[off : off+size : off+size], nil
}

// Close unmaps the file. It may be called again.
func (m *mapping) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.data == nil {
		return nil
	}
	data := m.data
	m.data = nil
	return m.unmap(data)
}
