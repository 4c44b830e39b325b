package imageproc

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"image/png"
	"os"
	"testing"
)

// A countdown is a context that ends when it was asked so many times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancelledDecoding: whatever its format, a picture whose caller has left is no longer
// read, and not called broken.
func TestCancelledDecoding(t *testing.T) {
	entries, err := os.ReadDir("testdata/pictures")
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, e := range entries {
		file := picture(t, e.Name())
		if _, err := Decode(t.Context(), file, 0); err != nil {
			continue
		}
		f, err := identify(file[:headSize])
		if err != nil {
			t.Fatal(err)
		}
		tried[f.name] = true
		_, err = Decode(&countdown{t.Context(), 0}, file, 0)
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrBroken) {
			t.Errorf("%s: error is %v, want %v", e.Name(), err, context.Canceled)
		}
	}
	for _, f := range formats() {
		if !tried[f.name] && f.name != "PAM" { // whose decoder is that of PNM
			t.Errorf("no %s was tried", f.name)
		}
	}
	var large, larger bytes.Buffer
	if err := errors.Join(jpeg.Encode(&large, photo(1000, 1000), nil), png.Encode(&larger, photo(1000, 1000))); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"JPEG": large.Bytes(), "PNG": larger.Bytes()} {
		ctx := &countdown{t.Context(), 20}
		if _, err := Decode(ctx, file, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v, want %v", name, err, context.Canceled)
		}
		if after := -ctx.left; after > 8 {
			t.Errorf("%s is read %d times more, want that decoding ends", name, after)
		}
	}
}
