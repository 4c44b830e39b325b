package legible

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	if got := Lines([]string{"a", "b"}, "- "); got != "- a\n- b" {
		t.Errorf("got %q", got)
	}
	if got := Lines(nil, "- "); got != "" {
		t.Errorf("of nothing: %q", got)
	}
	lines := strings.Split(Lines(make([]string, 1_000_000), ""), "\n")
	if len(lines) != Most+1 || lines[Most] != "... and 999980 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestJoin(t *testing.T) {
	if err := Join(nil, nil); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	if err := Join(nil, io.EOF, nil, errors.New("b")); err.Error() != "EOF\nb" || !errors.Is(err, io.EOF) {
		t.Errorf("got %q", err)
	}
	var errs []error
	for i := range 500 {
		errs = append(errs, fmt.Errorf("error %d", i), nil)
	}
	err := Join(append(errs, io.EOF)...)
	if !errors.Is(err, io.EOF) {
		t.Error("the last error is lost")
	}
	if text := err.Error(); !strings.HasPrefix(text, "error 0\nerror 1\n") || !strings.HasSuffix(text, "\nerror 19\n... and 481 more") {
		t.Errorf("got %q", text)
	}
}

func TestText(t *testing.T) {
	for s, want := range map[string]string{
		"":                           "",
		"photo ä 猫.jpg\n\tx":         "photo ä 猫.jpg\n\tx",
		`back\slash "quote"`:         `back\slash "quote"`,
		"\x1b[31mred\x1b]0;t\a":      `\x1b[31mred\x1b]0;t\a`,
		"a\rb\x7f\u009b31m":          `a\rb\x7f\u009b31m`,
		"\xff\x9b2J":                 `\xff\x9b2J`,
		"right\u202eto left\u2066 ":  `right\u202eto left\u2066 `,
		"the replacement \ufffd too": "the replacement \ufffd too",
		"\u2028":                     `\u2028`,
	} {
		if got := Text(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}
