package imageproc

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"runtime"
	"testing"

	"github.com/pgcli/paligemma/internal/testctx"
	"github.com/pgcli/paligemma/internal/testrace"
)

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
		_, err = Decode(testctx.New(t.Context(), 0), file, 0)
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
		ctx := testctx.New(t.Context(), 20)
		if _, err := Decode(ctx, file, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v, want %v", name, err, context.Canceled)
		}
		if after := ctx.Late(); after > 8 {
			t.Errorf("%s is read %d times more, want that decoding ends", name, after)
		}
	}
}

// TestFewBytesOfAProgressiveJPEG are read between two looks at the context, as each scan goes
// over all pixels.
func TestFewBytesOfAProgressiveJPEG(t *testing.T) {
	file := progressive(100, 90)
	const many = 1 << 30
	ctx := testctx.New(t.Context(), many)
	if _, err := Decode(ctx, file, 0); err != nil {
		t.Fatal(err)
	}
	if looks, want := many-ctx.Left(), int64(len(file)/200); looks < want {
		t.Errorf("looked at the context %d times, want %d for %d bytes", looks, want, len(file))
	}
}

// TestStepsEndWithTheirContext: each step looks at its context while it works on a large
// picture, at least once in so many pixels, and ends with it.
func TestStepsEndWithTheirContext(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 5000, testrace.Share(4000)))
	large, err := FromImage(t.Context(), img, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, step := range map[string]struct {
		pixels int64 // at most, between two looks
		run    func(context.Context) error
	}{
		"convert": {between, func(ctx context.Context) error { _, err := FromImage(ctx, img, 0); return err }},
		"convert another type": {between, func(ctx context.Context) error {
			_, err := FromImage(ctx, opaque{img.SubImage(image.Rect(0, 0, 5000, testrace.Share(400)))}, 0)
			return err
		}},
		"turn": {between, func(ctx context.Context) error { large.upright(ctx, 6); return context.Cause(ctx) }},
		"bicubic": {8 * between, func(ctx context.Context) error {
			_, err := Prepare(ctx, large, Options{Size: 224})
			return err
		}},
		"bilinear": {between, func(ctx context.Context) error {
			_, err := Prepare(ctx, large, Options{Size: 224, Filter: Bilinear})
			return err
		}},
	} {
		const many = 1 << 30
		ctx := testctx.New(t.Context(), many)
		if err := step.run(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		pixels := int64(large.Width * large.Height)
		if name == "convert another type" {
			pixels /= 10
		}
		looks := many - ctx.Left()
		if looks < pixels/step.pixels {
			t.Errorf("%s: looked at its context %d times, want %d", name, looks, pixels/step.pixels)
		}
		ctx = testctx.New(t.Context(), looks/2)
		if err := step.run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v, want %v", name, err, context.Canceled)
		}
		if after := ctx.Late(); after > int64(runtime.GOMAXPROCS(0))+5 {
			t.Errorf("%s: looked %d times more, want that it ends", name, after)
		}
	}
}
