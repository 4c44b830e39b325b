package textfile

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// utf16Text encodes a text with a byte order mark; high is the place of a unit's
// high byte.
func utf16Text(s string, high int) string {
	var out []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		pair := [2]byte{}
		pair[high], pair[1-high] = byte(u>>8), byte(u)
		out = append(out, pair[:]...)
	}
	return string(out)
}

// TestEncodings: every encoding with its mark gives the same text, also read a byte at
// a time.
func TestEncodings(t *testing.T) {
	const want = "detect ☆ 😀\r\ncaption en\n"
	for name, file := range map[string]string{
		"UTF-8": want, "UTF-8 with a mark": "\xef\xbb\xbf" + want, "UTF-16LE": utf16Text(want, 1), "UTF-16BE": utf16Text(want, 0),
	} {
		for _, r := range []io.Reader{strings.NewReader(file), iotest.OneByteReader(strings.NewReader(file))} {
			if got, err := io.ReadAll(NewReader(r)); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v, want %q", name, got, err, want)
			}
		}
	}
	if got, err := io.ReadAll(NewReader(strings.NewReader(""))); len(got) != 0 || err != nil {
		t.Errorf("an empty file gives %q, %v", got, err)
	}
}

// TestOtherEncodingsAreRefused by name and line, and never guessed.
func TestOtherEncodingsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ file, line string }{
		"Latin-1":               {"one\ncaf\xe9\n", "line 2: not UTF-8"},
		"UTF-16 without a mark": {utf16Text("one", 1)[2:], "line 1: not UTF-8"},
		"UTF-32":                {"\xff\xfe\x00\x00o\x00\x00\x00", "line 1: not UTF-8"},
		"binary":                {"\x00\x01", "line 1: not UTF-8"},
	} {
		_, err := io.ReadAll(NewReader(strings.NewReader(c.file)))
		if !errors.Is(err, ErrEncoding) || !strings.HasPrefix(err.Error(), c.line) {
			t.Errorf("%s: error %v, want ErrEncoding with %q", name, err, c.line)
		}
	}
}

// TestCutLineIsNoLine: the part of a line before an error is not passed on as a line.
func TestCutLineIsNoLine(t *testing.T) {
	broken := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		text string
		fail error
		want []string
		err  error
	}{
		"a last line without an end": {"ocr\ncaption en", nil, []string{"ocr", "caption en"}, nil},
		"Latin-1":                    {"ocr\nanswer de sch\xf6n\n", nil, []string{"ocr"}, ErrEncoding},
		"a disk that fails":          {"ocr\ncap", broken, []string{"ocr"}, broken},
	} {
		r := io.Reader(strings.NewReader(c.text))
		if c.fail != nil {
			r = io.MultiReader(r, iotest.ErrReader(c.fail))
		}
		var got []string
		s := NewScanner(r)
		for s.Scan() {
			got = append(got, s.Text())
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") || !errors.Is(s.Err(), c.err) {
			t.Errorf("%s: lines %q, error %v, want %q, %v", name, got, s.Err(), c.want, c.err)
		}
	}
}
