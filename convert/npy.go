package convert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/gguf"
)

// maxNPYHeader bounds the text before the data, which takes 118 bytes in
// practice. numpy itself refuses more than 10,000 from files it does not trust.
const maxNPYHeader = 10_000

// npyTypes has the dtypes by their numpy names. big_vision stores bfloat16,
// which numpy does not know, as opaque values of two bytes.
var npyTypes = map[string]gguf.Type{
	"<f4": gguf.F32, "<f2": gguf.F16, "|V2": gguf.BF16, "<V2": gguf.BF16,
}

// readNPYHeader reads the header of an .npy file (NEP 1, versions 1 to 3) and
// returns its type and shape, and the bytes that the header took.
func readNPYHeader(r io.Reader) (t gguf.Type, shape []int, size int64, err error) {
	var prefix [12]byte
	if _, err := io.ReadFull(r, prefix[:10]); err != nil {
		return 0, nil, 0, fmt.Errorf("byte 0: the npy header: %w", noEOF(err))
	}
	if string(prefix[:6]) != "\x93NUMPY" {
		return 0, nil, 0, fmt.Errorf("byte 0: not an npy array: it starts with %q", prefix[:6])
	}
	var length int64
	switch major := prefix[6]; major {
	case 1:
		length, size = int64(binary.LittleEndian.Uint16(prefix[8:])), 10
	case 2, 3:
		if _, err := io.ReadFull(r, prefix[10:]); err != nil {
			return 0, nil, 0, fmt.Errorf("byte 10: the npy header: %w", noEOF(err))
		}
		length, size = int64(binary.LittleEndian.Uint32(prefix[8:])), 12
	default:
		return 0, nil, 0, fmt.Errorf("byte 6: npy version %d, want 1, 2 or 3", major)
	}
	if length > maxNPYHeader {
		return 0, nil, 0, fmt.Errorf("byte 8: npy header of %d bytes, at most %d are allowed", length, maxNPYHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, nil, 0, fmt.Errorf("byte %d: the npy header: %w", size, noEOF(err))
	}
	t, shape, err = parseNPYHeader(string(text))
	if err != nil {
		return 0, nil, 0, fmt.Errorf("byte %d: npy header %q: %w", size, strings.TrimSpace(string(text)), err)
	}
	return t, shape, size + length, nil
}

// parseNPYHeader reads the Python dictionary
//
//	{'descr': '<f4', 'fortran_order': False, 'shape': (27, 1152), }
//
// Arrays in Fortran order are refused: their layers are interleaved, so that
// each would need a pass over the whole array, and JAX never writes them.
func parseNPYHeader(text string) (t gguf.Type, shape []int, err error) {
	p := &literal{rest: text}
	seen := map[string]bool{}
	p.expect("{")
	for !p.accept("}") && p.err == nil {
		key := p.text()
		p.expect(":")
		if seen[key] {
			p.fail("key '%s' appears twice", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			descr := p.text()
			known := false
			if t, known = npyTypes[descr]; !known {
				p.fail("descr is '%s', want '<f4', '<f2', or '|V2' (bfloat16)", descr)
			}
		case "fortran_order":
			if p.accept("True") {
				p.fail("the array is in Fortran order; save it again through numpy.ascontiguousarray")
			} else if !p.accept("False") {
				p.fail("fortran_order is neither True nor False")
			}
		case "shape":
			shape = p.tuple()
		default:
			p.fail("unknown key '%s'", key)
		}
		if !p.accept(",") {
			p.expect("}")
			break
		}
	}
	if p.err == nil && len(seen) != 3 {
		p.fail("descr, fortran_order or shape is missing")
	}
	if p.err == nil && strings.TrimSpace(p.rest) != "" {
		p.fail("%q follows the dictionary", p.rest)
	}
	return t, shape, p.err
}

// A literal reads Python literals from the front of rest. Its error is sticky.
type literal struct {
	rest string
	err  error
}

func (p *literal) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// accept moves past token and the space before it, if it comes next.
func (p *literal) accept(token string) bool {
	rest, found := strings.CutPrefix(strings.TrimLeft(p.rest, " \t\n"), token)
	if found && p.err == nil {
		p.rest = rest
	}
	return found && p.err == nil
}

func (p *literal) expect(token string) {
	if !p.accept(token) {
		p.fail("want %s before %q", token, p.rest)
	}
}

// text reads a string in single quotes, without escapes.
func (p *literal) text() string {
	p.expect("'")
	s, rest, found := strings.Cut(p.rest, "'")
	if !found {
		p.fail("string has no end")
	}
	if p.err != nil {
		return ""
	}
	p.rest = rest
	return s
}

// tuple reads (1, 2, 3), (1,) or ().
func (p *literal) tuple() []int {
	shape := []int{}
	p.expect("(")
	for !p.accept(")") && p.err == nil {
		p.accept("") // moves past space only
		digits := p.rest[:len(p.rest)-len(strings.TrimLeft(p.rest, "0123456789"))]
		n, err := strconv.Atoi(digits)
		if err != nil {
			p.fail("shape: %w", errors.Unwrap(err))
			return nil
		}
		shape, p.rest = append(shape, n), p.rest[len(digits):]
		if !p.accept(",") {
			p.expect(")")
			break
		}
	}
	return shape
}
