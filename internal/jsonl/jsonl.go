// Package jsonl reads and writes files with a JSON value on each line, to which a run
// adds lines until it is done or killed.
package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pgcli/paligemma/internal/legible"
)

// ErrTorn reports a last line without an end: whoever wrote it was stopped meanwhile.
var ErrTorn = errors.New("is cut: it has no line end")

// MaxLine is the longest line that a Reader accepts, in bytes.
const MaxLine = 64 << 20

// mostValues bounds the JSON values of a line: an answer of 8192 tokens, as many as models were
// trained for, has 61,800 if it spells nothing but boxes without names.
const mostValues = 62_000

// ErrTooLarge is what Check says of a line.
var ErrTooLarge = errors.New("is too large")

// Check refuses a line of more than MaxLine bytes, or of more than 62,000 JSON values, valid or
// not: a line of few bytes for each value, such as [{},{},…], takes hundreds of times its bytes
// once it is parsed. Who reads or writes a line calls it first.
func Check(line []byte) error {
	if len(line) > MaxLine {
		return fmt.Errorf("%w: it is longer than %d bytes", ErrTooLarge, MaxLine)
	}
	if TooMany(line, mostValues) {
		return fmt.Errorf("%w: it has more than %d JSON values", ErrTooLarge, mostValues)
	}
	return nil
}

// TooMany reports whether a JSON text, valid or not, has more than most values.
func TooMany(text []byte, most int) bool {
	values := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case ',', '[', '{':
			if values++; values > most {
				return true
			}
		}
	}
	return false
}

// A Reader reads lines in bounded memory. It is not safe for concurrent use.
type Reader struct {
	in     *bufio.Reader
	line   int
	offset int64
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, 1<<16)} }

// Line returns the number of the line that Next returned last, from 1.
func (r *Reader) Line() int { return r.line }

// Offset returns where the line after the last whole one begins, in bytes.
func (r *Reader) Offset() int64 { return r.offset }

// Next returns the next line with its end, in memory of its own. After the last line
// the error is io.EOF. A last line without an end comes with ErrTorn. A line longer than
// MaxLine is an error, after which nothing can be read.
func (r *Reader) Next() ([]byte, error) {
	var line []byte
	r.line++
	for {
		part, err := r.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > MaxLine:
			return nil, fmt.Errorf("is longer than %d bytes", MaxLine)
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF && len(line) > 0:
			return line, ErrTorn
		case err != nil:
			return nil, err
		default:
			r.offset += int64(len(line))
			return line, nil
		}
	}
}

// Encode returns a value as a line of JSON with its end. Tokens such as <loc0512> stay
// readable, what a terminal obeys is escaped.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	out := json.NewEncoder(legible.JSON(&b))
	out.SetEscapeHTML(false)
	err := out.Encode(v)
	return b.Bytes(), err
}
