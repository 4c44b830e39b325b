package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A decoder reads the header of a file in order. Its error is sticky: after
// the first one every method returns zero, so that a loop checks it once.
type decoder struct {
	r     *bufio.Reader
	pos   int64  // of the next unread byte, from the start of the file
	end   int64  // no field may reach beyond it
	entry string // the key or tensor that is being read, for errors
	err   error
	word  [8]byte // here rather than in number, where it would escape each time
}

func newDecoder(r io.ReaderAt, pos, end int64) *decoder {
	size := int(min(end-pos, 64<<10)) // a scalar needs no large buffer
	return &decoder{r: bufio.NewReaderSize(io.NewSectionReader(r, pos, end-pos), size), pos: pos, end: end}
}

// fail records that the field at offset at is wrong.
func (d *decoder) fail(at int64, format string, args ...any) {
	if d.err == nil {
		d.err = &FormatError{Offset: at, Entry: d.entry, Problem: fmt.Sprintf(format, args...)}
	}
}

// failRead records an error of the underlying reader, which is no fault of the
// format unless the bytes are simply not there.
func (d *decoder) failRead(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.fail(d.pos, "the file ends early, %d bytes were promised", d.end)
	} else if d.err == nil {
		d.err = fmt.Errorf("gguf: byte %d: %w", d.pos, err)
	}
}

// need reports whether n more bytes are there. If not, the error names the field
// that needs them by what.
func (d *decoder) need(n int64, what string) bool {
	if d.err == nil && n > d.end-d.pos {
		d.fail(d.pos, "%s needs %d bytes, %d are left", what, n, d.end-d.pos)
	}
	return d.err == nil
}

// number reads a little-endian number of size bytes, at most 8.
func (d *decoder) number(size int, what string) uint64 {
	if !d.need(int64(size), what) {
		return 0
	}
	d.word = [8]byte{}
	if _, err := io.ReadFull(d.r, d.word[:size]); err != nil {
		d.failRead(err)
		return 0
	}
	d.pos += int64(size)
	return binary.LittleEndian.Uint64(d.word[:])
}

func (d *decoder) uint32(what string) uint32 { return uint32(d.number(4, what)) }
func (d *decoder) uint64(what string) uint64 { return d.number(8, what) }

// count reads a number of items of which each takes at least minSize bytes, so
// that the result is bounded by the bytes present.
func (d *decoder) count(minSize int64, what string) int {
	at := d.pos
	n := d.uint64(what)
	if left := d.end - d.pos; d.err == nil && n > uint64(left/minSize) {
		d.fail(at, "%s %d cannot fit in the %d bytes that are left", what, n, left)
		return 0
	}
	return int(n) // fits: end is at most maxHeader
}

// text reads a length, called what in errors, and as many bytes. The result is
// valid until the next read: most strings never leave the buffer.
func (d *decoder) text(maxLen int, what string) []byte {
	at := d.pos
	n := d.count(1, what)
	if n > maxLen {
		d.fail(at, "%s %d is more than %d", what, n, maxLen)
	}
	if d.err != nil {
		return nil
	}
	if n > d.r.Size() {
		b := make([]byte, n)
		if _, err := io.ReadFull(d.r, b); err != nil {
			d.failRead(err)
			return nil
		}
		d.pos += int64(n)
		return b
	}
	b, err := d.r.Peek(n)
	if err == nil {
		_, err = d.r.Discard(n) // only moves the read index: all n bytes are buffered
	}
	if err != nil {
		d.failRead(err)
		return nil
	}
	d.pos += int64(n)
	return b
}

// skip moves past n bytes that need has checked.
func (d *decoder) skip(n int64) {
	if d.err != nil {
		return
	}
	m, err := d.r.Discard(int(n))
	d.pos += int64(m)
	if err != nil {
		d.failRead(err)
	}
}

// bools moves past n bytes, each of which must be 0 or 1. It takes as many at a time as the
// buffer has.
func (d *decoder) bools(n int) {
	for d.need(int64(n), "bool") && n > 0 {
		block, err := d.r.Peek(min(n, d.r.Size()))
		if i := slices.IndexFunc(block, func(b byte) bool { return b > 1 }); i >= 0 {
			d.fail(d.pos+int64(i), "bool is %d, neither 0 nor 1", block[i])
			return
		}
		n -= len(block)
		d.skip(int64(len(block)))
		if err != nil {
			d.failRead(err)
		}
	}
}

// piece reads the next of the elements of an array of which some are left: as many as
// lie in 64 KiB, and at least one. It returns them as a slice, and their number.
func (d *decoder) piece(k Kind, left int) (piece any, n int) {
	const most = 64 << 10 // bytes
	if k != String {
		n = min(left, most/kinds[k].size)
		data := make([]byte, n*kinds[k].size)
		if _, err := io.ReadFull(d.r, data); err != nil {
			d.failRead(err)
			return nil, 0
		}
		d.pos += int64(len(data))
		return decodeNumbers(data, k, n, true), n
	}
	var texts []string
	for start := d.pos; n < left && d.err == nil && d.pos-start < most; n++ {
		texts = append(texts, string(d.text(maxString, "string length")))
	}
	return texts, n
}
