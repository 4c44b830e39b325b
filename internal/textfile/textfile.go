// Package textfile reads the text files of users: UTF-8 with or without a byte order
// mark, or UTF-16 with one.
package textfile

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// NewReader returns a reader of the text of r in UTF-8, without a byte order mark.
// Text that is in no encoding above makes it fail with ErrEncoding.
func NewReader(r io.Reader) io.Reader {
	return &reader{transform.NewReader(r, unicode.BOMOverride(encoding.UTF8Validator)), 1}
}

// ErrEncoding is about text that is not in an encoding that this package reads.
var ErrEncoding = errors.New("not UTF-8, nor UTF-16 with a byte order mark; save it as UTF-8")

type reader struct {
	r    io.Reader
	line int
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	for _, b := range p[:n] {
		switch b {
		case '\n':
			r.line++
		case 0: // UTF-16 without a mark, or UTF-32
			return 0, fmt.Errorf("line %d: %w", r.line, ErrEncoding)
		}
	}
	if errors.Is(err, encoding.ErrInvalidUTF8) {
		err = fmt.Errorf("line %d: %w", r.line, ErrEncoding)
	}
	return n, err
}
