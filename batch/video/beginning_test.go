package video

import (
	"fmt"
	"strings"
	"testing"
)

// TestBeginning: what a program says is kept up to a length, and all of it is taken.
func TestBeginning(t *testing.T) {
	var b beginning
	for range 1000 {
		if n, err := fmt.Fprint(&b, "1234567"); n != 7 || err != nil {
			t.Fatalf("%d bytes were taken, error %v", n, err)
		}
	}
	if text := b.String(); len(text) != mostMessage || !strings.HasPrefix(text, "12345671") {
		t.Errorf("%d bytes are kept, want %d", len(text), mostMessage)
	}
}
