// Package textfile reads the text files of users: UTF-8 with or without a byte order
// mark, or UTF-16 with one.
package textfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// NewReader returns a reader of the text of r in UTF-8, without a byte order mark.
// Text that is in no encoding above makes it fail with ErrEncoding.
func NewReader(r io.Reader) io.Reader { return newReader(r) }

func newReader(r io.Reader) *reader {
	return &reader{r: transform.NewReader(r, unicode.BOMOverride(encoding.UTF8Validator)), line: 1}
}

// NewScanner returns a scanner of the lines of r's text. The part of a line before an
// error is left out: it would be taken for the line.
func NewScanner(r io.Reader) *bufio.Scanner {
	in := newReader(r)
	s := bufio.NewScanner(in)
	s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if atEOF && in.err != nil && bytes.IndexByte(data, '\n') < 0 {
			return len(data), nil, nil
		}
		return bufio.ScanLines(data, atEOF)
	})
	return s
}

// ErrEncoding is about text that is not in an encoding that this package reads.
var ErrEncoding = errors.New("not UTF-8, nor UTF-16 with a byte order mark; save it as UTF-8")

type reader struct {
	r    io.Reader
	line int
	err  error // that ended the text, but for io.EOF
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	valid := p[:n]
	if i := bytes.IndexByte(valid, 0); i >= 0 { // UTF-16 without a mark, or UTF-32
		valid, n, err = valid[:i], 0, encoding.ErrInvalidUTF8
	}
	r.line += bytes.Count(valid, []byte{'\n'})
	if errors.Is(err, encoding.ErrInvalidUTF8) {
		err = fmt.Errorf("line %d: %w", r.line, ErrEncoding)
	}
	if err != io.EOF {
		r.err = err
	}
	return n, err
}
