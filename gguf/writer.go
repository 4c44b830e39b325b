package gguf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"unicode/utf8"
)

// A Writer writes a GGUF file in two phases. First [Writer.Add] and
// [Writer.AddTensor] declare what the file will hold; then
// [Writer.WriteHeader] fixes the layout, and the data of every tensor is
// streamed with [Writer.Tensor] or [Writer.WriteTensor]. Memory is bounded by
// the header, whatever the tensors' sizes.
//
// The first error of a declaration, or of the underlying writer, is kept and
// returned by every later call that has an error. Declarations belong to one
// goroutine; in the second phase all methods are safe for concurrent use.
type Writer struct {
	out     io.WriterAt
	ordered bool // out takes bytes in order only

	mu        sync.Mutex // guards the fields below in the second phase
	err       error
	begun     bool
	keys      []declaredKey
	keyIndex  map[string]bool
	tensors   []*declaredTensor
	tensorIdx map[string]*declaredTensor
	alignment int64
	next      int   // first tensor that is not complete, when ordered
	end       int64 // of the file, once the header is written
}

type declaredKey struct {
	name  string
	value any
}

type declaredTensor struct {
	Tensor // Offset is relative to the data until WriteHeader
	index  int
	state  tensorState
}

type tensorState int

const (
	declared tensorState = iota
	started
	complete
)

// NewWriter returns a Writer that writes to w from front to back: the data of
// tensors must come in the order of their declaration, one at a time.
func NewWriter(w io.Writer) *Writer {
	return newWriter(&sequence{w: w}, true)
}

// NewWriterAt returns a Writer that writes to w from offset 0 on. Tensors may
// be written in any order and at the same time. Every byte of the file is
// written, padding included.
func NewWriterAt(w io.WriterAt) *Writer { return newWriter(w, false) }

func newWriter(out io.WriterAt, ordered bool) *Writer {
	return &Writer{
		out: out, ordered: ordered, alignment: DefaultAlignment,
		keyIndex: make(map[string]bool), tensorIdx: make(map[string]*declaredTensor),
	}
}

// Add declares a metadata entry. Entries keep the order of the calls. value
// must have one of the types of [Value]; untyped constants become int or
// float64, so spell the type: uint32(18). A slice is not copied and must not
// change before WriteHeader returns. The uint32 general.alignment sets the
// alignment of the file.
func (w *Writer) Add(key string, value any) {
	if err := w.add(key, value); err != nil {
		w.keep(fmt.Errorf("gguf: %s: %w", keyEntry(key), err))
	}
}

func (w *Writer) add(key string, value any) error {
	if w.begun {
		return errHeaderWritten
	}
	if err := checkName(key, MaxKeyLen); err != nil {
		return err
	}
	if w.keyIndex[key] {
		return errTwice
	}
	if len(w.keys) == MaxKeys {
		return fmt.Errorf("there are %d keys already, the most that are read", MaxKeys)
	}
	if err := checkValue(value); err != nil {
		return err
	}
	if key == alignmentKey {
		n, ok := value.(uint32)
		if !ok {
			return fmt.Errorf("value is a %T, must be a uint32", value)
		}
		if err := checkAlignment(n); err != nil {
			return err
		}
		w.alignment = int64(n)
	}
	w.keyIndex[key] = true
	w.keys = append(w.keys, declaredKey{key, value})
	return nil
}

func checkValue(value any) error {
	if _, _, ok := kindOf(value); !ok {
		return fmt.Errorf("metadata cannot hold a %T", value)
	}
	texts, _ := value.([]string)
	if s, ok := value.(string); ok {
		texts = []string{s}
	}
	for i, s := range texts {
		if len(s) > maxString {
			return fmt.Errorf("string %d has %d bytes, more than %d", i, len(s), maxString)
		}
		if !utf8.ValidString(s) {
			return fmt.Errorf("string %d is not UTF-8: %s", i, quote(s))
		}
	}
	return nil
}

// AddTensor declares a tensor with the dimensions of shape, in ggml order,
// fastest first. Tensors lie in the file in the order of the calls.
func (w *Writer) AddTensor(name string, t Type, shape ...int) {
	if err := w.addTensor(name, t, shape); err != nil {
		w.keep(fmt.Errorf("gguf: %s: %w", tensorEntry(name), err))
	}
}

func (w *Writer) addTensor(name string, t Type, shape []int) error {
	if w.begun {
		return errHeaderWritten
	}
	if err := checkName(name, MaxNameLen); err != nil {
		return err
	}
	if w.tensorIdx[name] != nil {
		return errTwice
	}
	if len(w.tensors) == MaxTensors {
		return fmt.Errorf("there are %d tensors already, the most that are read", MaxTensors)
	}
	size, err := t.Size(shape...)
	if err != nil {
		return err
	}
	d := &declaredTensor{Tensor: Tensor{Name: name, Type: t, Shape: slices.Clone(shape), Size: size}, index: len(w.tensors)}
	w.tensorIdx[name] = d
	w.tensors = append(w.tensors, d)
	return nil
}

var (
	errHeaderWritten = errors.New("declared after the header was written")
	errTwice         = errors.New("declared twice")
	errNoHeader      = errors.New("gguf: the header is not written yet")
)

// WriteHeader ends the declarations and writes the header. It returns the
// first error of any of them.
func (w *Writer) WriteHeader() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun && w.err == nil {
		w.err = errors.New("gguf: the header is written twice")
	}
	if w.err != nil {
		return w.err
	}
	w.begun = true
	w.err = w.writeHeader()
	return w.err
}

func (w *Writer) writeHeader() error {
	var end int64
	for _, t := range w.tensors {
		t.Offset = end
		if t.Size > math.MaxInt64-maxHeader-maxAlignment-end {
			return fmt.Errorf("gguf: %s: the file would be larger than an int64 can count", tensorEntry(t.Name))
		}
		end = alignUp(end+t.Size, w.alignment)
	}
	at := &cursor{w: w.out}
	buf := bufio.NewWriterSize(at, 64<<10)
	e := encoder{w: buf}
	e.header(w.keys, w.tensors)
	e.zeros(alignUp(e.n, w.alignment) - e.n)
	if e.n > maxHeader {
		return fmt.Errorf("gguf: the header has %d bytes, more than %d", e.n, maxHeader)
	}
	if err := buf.Flush(); err != nil { // also returns the error of any write before it
		return fmt.Errorf("gguf: header: %w", err)
	}
	for _, t := range w.tensors {
		t.Offset += e.n
	}
	w.end = end + e.n
	return nil
}

// Finish checks that every tensor is complete. It neither syncs nor closes
// the underlying writer.
func (w *Writer) Finish() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if !w.begun {
		return errNoHeader
	}
	for _, t := range w.tensors {
		switch t.state {
		case declared:
			return fmt.Errorf("gguf: %s: declared, but not written", tensorEntry(t.Name))
		case started:
			return fmt.Errorf("gguf: %s: not closed", tensorEntry(t.Name))
		}
	}
	return nil
}

// keep keeps the first error.
func (w *Writer) keep(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}
