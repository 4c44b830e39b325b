package legible

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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

func TestCount(t *testing.T) {
	if got := Count(0, "thing") + ", " + Count(1, "thing") + ", " + Count(2, "thing"); got != "0 things, 1 thing, 2 things" {
		t.Errorf("got %q", got)
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

// TestJSONMeansTheSame escapes each character that a terminal obeys, once in a value and once
// in a key, and no other.
func TestJSONMeansTheSame(t *testing.T) {
	var all []rune
	for r := rune(1); r < 0x3000; r++ {
		all = append(all, r)
	}
	want := map[string]string{string(all) + "猫😀": string(all) + "\ufffd"}
	var text bytes.Buffer
	out := json.NewEncoder(JSON(&text))
	out.SetIndent("", "\t")
	if err := out.Encode(want); err != nil {
		t.Fatal(err)
	}
	for _, r := range text.String() {
		if Obeyed(r) && r != '\n' && r != '\t' {
			t.Errorf("%U is not escaped", r)
		}
	}
	for _, shown := range []string{"ä", "猫", "😀", "\u200d", "\u00a0"} {
		if !strings.Contains(text.String(), shown) {
			t.Errorf("%q is escaped", shown)
		}
	}
	var got map[string]string
	if err := json.Unmarshal(text.Bytes(), &got); err != nil || !maps.Equal(got, want) {
		t.Errorf("read back %q, error %v", got, err)
	}
}

func TestObeyed(t *testing.T) {
	for _, r := range "\x00\x1b\x7f\u0080\u009b\u009f\u061c\u200e\u200f\u202a\u202e\u2066\u2069" {
		if !Obeyed(r) {
			t.Errorf("%U passes", r)
		}
	}
	for _, r := range " aä猫\u00a0\u200d\u2028\ufeff\ufffd" { // a joiner is part of many signs
		if Obeyed(r) {
			t.Errorf("%U does not pass", r)
		}
	}
}
