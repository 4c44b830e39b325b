package jsonl

import (
	"io"
	"strings"
	"testing"
)

// endless yields a line without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

// TestAnEndlessLineIsRefused guards against memory without bound.
func TestAnEndlessLineIsRefused(t *testing.T) {
	in := &endless{}
	if line, err := NewReader(in).Next(); err == nil || !strings.Contains(err.Error(), "is longer than 67108864 bytes") {
		t.Errorf("got %d bytes, %v", len(line), err)
	}
	if in.read > MaxLine+1<<20 {
		t.Errorf("read %d bytes", in.read)
	}
}

// TestLinesAreWhole: lines longer than the buffer come whole, and Offset is the end of
// the last whole line.
func TestLinesAreWhole(t *testing.T) {
	long := strings.Repeat("y", 1<<17) + "\n"
	r := NewReader(strings.NewReader("a\n" + long + "\n" + "torn"))
	at := 0
	for i, want := range []string{"a\n", long, "\n"} {
		line, err := r.Next()
		at += len(want)
		if err != nil || string(line) != want || r.Line() != i+1 || r.Offset() != int64(at) {
			t.Fatalf("line %d at %d: %.20q, %v", r.Line(), r.Offset(), line, err)
		}
	}
	if line, err := r.Next(); string(line) != "torn" || err != ErrTorn || r.Offset() != int64(at) {
		t.Errorf("the torn line: %q, %v at %d", line, err, r.Offset())
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("after it: %v", err)
	}
}

// TestEncodeEscapesWhatTerminalsObey: text from outside does not reach a terminal as it is.
func TestEncodeEscapesWhatTerminalsObey(t *testing.T) {
	line, err := Encode("<loc0512> ä \x1b[2J \u0085 \u202e")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(line), `"<loc0512> ä \u001b[2J \u0085 \u202e"`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
