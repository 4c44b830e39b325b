package video

import (
	"io"
	"os"
	"strings"
	"testing"
)

// TestBeginning: what a program says is kept up to a length, and all of it is taken, from a pipe
// as package os/exec copies it.
func TestBeginning(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer w.Close()
		for range 1000 {
			io.WriteString(w, "1234567")
		}
	}()
	var b beginning
	if n, err := io.Copy(&b, r); n != 7000 || err != nil {
		t.Fatalf("%d bytes were taken, error %v", n, err)
	}
	if text := b.String(); len(text) != mostMessage || !strings.HasPrefix(text, "12345671") {
		t.Errorf("%d bytes are kept, want %d", len(text), mostMessage)
	}
}
