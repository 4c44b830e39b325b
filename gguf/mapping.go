package gguf

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// A mapping is a file in memory, mapped when somebody asks for it.
type mapping struct {
	mu     sync.Mutex
	data   []byte // nil unless mapped
	closed bool
}

// Map maps the whole file into memory, for programs that compute with tensors where
// they lie: see [Tensor].Offset. The slice costs no memory until it is read, must
// not be written to, and must not be touched after Close. It is the same at every
// call.
//
// The file must stay as it is until then: shorten it, and touching a page beyond its
// end stops the process; write to it, and the slice has other bytes. [File.Changed]
// tells, afterwards.
//
// Map fails with [errors.ErrUnsupported] after [New], and where files cannot be
// mapped: read them then.
func (f *File) Map() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil, fmt.Errorf("gguf: map: %w", os.ErrClosed)
	case f.data != nil:
		return f.data, nil
	case f.file == nil || f.size == 0:
		return nil, fmt.Errorf("gguf: map: %w", errors.ErrUnsupported)
	}
	data, err := mapFile(f.file, f.size)
	if err != nil {
		return nil, fmt.Errorf("gguf: map %s: %w", f.file.Name(), err)
	}
	f.data = data
	return data[:len(data):len(data)], nil
}

// unmap ends the mapping, if there is one.
func (m *mapping) unmap() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.data == nil {
		return nil
	}
	data := m.data
	m.data = nil
	return unmapFile(data)
}
