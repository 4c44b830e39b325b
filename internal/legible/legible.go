// Package legible makes text of files and file names fit for messages and output: short,
// and without the signs that control a terminal.
package legible

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Most is how many entries of a list a message has.
const Most = 20

// Lines spells a list, an entry a line after indent: at most Most, then the number of
// the others.
func Lines(list []string, indent string) string {
	var b strings.Builder
	for _, line := range list[:min(len(list), Most)] {
		b.WriteString(indent + line + "\n")
	}
	if n := len(list) - Most; n > 0 {
		fmt.Fprintf(&b, "%s... and %d more\n", indent, n)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Join is errors.Join with a message of at most Most errors, and the number of the
// others. errors.Is and errors.As see all.
func Join(errs ...error) error {
	all := errors.Join(errs...)
	if all == nil {
		return nil
	}
	list := all.(interface{ Unwrap() []error }).Unwrap() // without nils
	if len(list) <= Most {
		return all
	}
	return &long{list}
}

type long struct{ errs []error }

func (l *long) Unwrap() []error { return l.errs }

func (l *long) Error() string {
	lines := make([]string, Most)
	for i := range lines {
		lines[i] = l.errs[i].Error()
	}
	return Lines(append(lines, make([]string, len(l.errs)-Most)...), "")
}

// Obeyed reports whether a terminal obeys r instead of showing it: the control characters,
// of which U+0080 to U+009F are some, and the marks that turn the direction of text.
func Obeyed(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// JSON returns a writer that escapes what [Obeyed] says of JSON text, which means the same
// afterwards. Line ends and tabs between values stay. Each Write must have whole
// characters, as those of json.Encoder have.
func JSON(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(text []byte) (int, error) {
	escaped := func(r rune) bool { return r > ' ' && Obeyed(r) } // encoders escape those before a space
	if bytes.IndexFunc(text, escaped) < 0 {
		return j.w.Write(text)
	}
	var out []byte
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if escaped(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	if _, err := j.w.Write(out); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Text returns s with everything escaped that is not printed, as in a Go string, but
// for line breaks and tabs. A terminal would obey a control sequence.
func Text(s string) string {
	plain := func(r rune) bool { return r == '\n' || r == '\t' || unicode.IsPrint(r) }
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if plain(r) && (r != utf8.RuneError || n > 1) {
			b.WriteString(s[:n])
		} else {
			quoted := strconv.Quote(s[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}
