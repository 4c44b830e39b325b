package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// An encoder writes header fields and counts their bytes. Errors stay in the
// buffered writer, whose Flush returns them.
type encoder struct {
	w *bufio.Writer
	n int64
}

// header writes the preamble, the metadata and the tensor descriptions, whose
// offsets count from the start of the data: they do not depend on how long the
// header becomes.
func (e *encoder) header(keys []declaredKey, tensors []*declaredTensor) {
	e.bytes([]byte(magic))
	e.uint32(3)
	e.uint64(uint64(len(tensors)))
	e.uint64(uint64(len(keys)))
	for _, k := range keys {
		e.text(k.name)
		e.value(k.value)
	}
	for _, t := range tensors {
		e.text(t.Name)
		e.uint32(uint32(len(t.Shape)))
		for _, n := range t.Shape {
			e.uint64(uint64(n))
		}
		e.uint32(uint32(t.Type))
		e.uint64(uint64(t.Offset))
	}
}

// value writes a type and a value. An array has its element type and length in
// between.
func (e *encoder) value(v any) {
	kind, isArray, _ := kindOf(v)
	if isArray {
		e.uint32(uint32(array))
	}
	e.uint32(uint32(kind))
	switch v := v.(type) {
	case string:
		e.text(v)
	case []string:
		e.uint64(uint64(len(v)))
		for _, s := range v {
			e.text(s)
		}
	default:
		data, err := binary.Append(nil, binary.LittleEndian, v)
		if err != nil {
			panic(err) // checkValue let only fixed-size types through
		}
		if isArray {
			e.uint64(uint64(len(data) / kinds[kind].size))
		}
		e.bytes(data)
	}
}

func (e *encoder) uint32(v uint32) { e.bytes(binary.LittleEndian.AppendUint32(nil, v)) }
func (e *encoder) uint64(v uint64) { e.bytes(binary.LittleEndian.AppendUint64(nil, v)) }

func (e *encoder) text(s string) {
	e.uint64(uint64(len(s)))
	n, _ := e.w.WriteString(s)
	e.n += int64(n)
}

func (e *encoder) bytes(b []byte) {
	n, _ := e.w.Write(b)
	e.n += int64(n)
}

func (e *encoder) zeros(n int64) { e.bytes(make([]byte, n)) }

// A cursor turns a [io.WriterAt] into a writer from offset 0 on.
type cursor struct {
	w   io.WriterAt
	pos int64
}

func (c *cursor) Write(p []byte) (int, error) {
	n, err := c.w.WriteAt(p, c.pos)
	c.pos += int64(n)
	return n, err
}

// A sequence turns a writer into a [io.WriterAt] that only goes forward.
type sequence struct {
	w   io.Writer
	pos int64
}

// WriteAt checks the count as well: a writer that takes less without an error
// would shift everything after it.
func (s *sequence) WriteAt(p []byte, off int64) (int, error) {
	if off != s.pos {
		return 0, fmt.Errorf("write at byte %d of a stream that is at %d", off, s.pos)
	}
	n, err := s.w.Write(p)
	s.pos += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}
