package paligemma

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/imageproc"
)

// TestErrorsOfPictures: a caller of ReadImage and Encode can tell why a picture is refused.
func TestErrorsOfPictures(t *testing.T) {
	m := openTiny(t, Options{MaxPixels: 1000})
	drawn := func(side int) []byte {
		var b bytes.Buffer
		must(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))))
		return b.Bytes()
	}
	if _, err := m.ReadImage(bytes.NewReader(drawn(31))); err != nil {
		t.Errorf("a picture of 961 pixels: %v", err)
	}
	if _, err := m.ReadImage(nil); !errors.Is(err, ErrPicture) {
		t.Errorf("no reader: %v, want an ErrPicture", err)
	}
	for _, c := range []struct {
		name string
		file []byte
		want error
	}{
		{"text", []byte("caption en"), image.ErrFormat},
		{"1024 pixels", drawn(32), ErrPictureTooLarge},
		{"half a picture", drawn(31)[:60], ErrPictureBroken},
		{"HEIC", []byte("\x00\x00\x00\x1cftypheic"), ErrPictureUnsupported},
	} {
		if _, err := m.ReadImage(bytes.NewReader(c.file)); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	for _, img := range []image.Image{nil, (*image.RGBA)(nil), image.NewGray(image.Rectangle{})} {
		if _, err := m.Encode(t.Context(), img); err == nil {
			t.Errorf("Encode of %#v: no error", img)
		}
	}
	if _, err := m.Encode(t.Context(), image.NewGray(image.Rect(0, 0, 32, 32))); !errors.Is(err, ErrPictureTooLarge) {
		t.Errorf("Encode of 1024 pixels: error %v, want %v", err, ErrPictureTooLarge)
	}
}

// TestPreparedPicturesGiveTheTokensOfEncode: a picture that was stretched before has the
// soft tokens of Model.Encode, also after the picture itself was changed.
func TestPreparedPicturesGiveTheTokensOfEncode(t *testing.T) {
	m := openTiny(t, Options{})
	img := image.NewGray(image.Rect(3, 5, 103, 65))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * i >> 3)
	}
	want, err := m.Encode(t.Context(), img)
	must(t, err)
	prepared, err := m.Prepare(t.Context(), img)
	must(t, err)
	clear(img.Pix)
	for range 2 {
		got, err := prepared.Encode(t.Context())
		must(t, err)
		if !slices.Equal(got.tokens, want.tokens) || got.Bounds() != want.Bounds() || got.model != m {
			t.Errorf("soft tokens of the prepared picture differ, or its bounds %v from %v", got.Bounds(), want.Bounds())
		}
	}
	for _, p := range []*Prepared{nil, {}} {
		if _, err := p.Encode(t.Context()); !errors.Is(err, ErrPicture) {
			t.Errorf("Encode of %v: error %v, want an ErrPicture", p, err)
		}
	}
}

// TestReadImageEndsWithItsContext, and does not blame the picture.
func TestReadImageEndsWithItsContext(t *testing.T) {
	m := openOracle(t, "pg1-a", Options{})
	picture, err := os.ReadFile("testdata/scene.png")
	must(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("the caller left")
	cancel(left)
	if _, err := m.ReadImageContext(ctx, bytes.NewReader(picture)); !errors.Is(err, left) || errors.Is(err, ErrPicture) {
		t.Errorf("error is %v, want that %v", err, left)
	}
}

// TestOneDecoderIsLeftBehind: a decoder that does not look at its context does not hold the caller
// up, and while it goes on by itself another caller waits for a decoder, as memory is bounded.
func TestOneDecoderIsLeftBehind(t *testing.T) {
	m := &Model{behind: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("the caller left")
	cancel(left)
	working := make(chan struct{})
	if img, err := m.leaving(ctx, func() (*imageproc.RGB, error) { <-working; return nil, nil }); img != nil || !errors.Is(err, left) {
		t.Errorf("%v, error %v, want that %v", img, err, left)
	}
	want := new(imageproc.RGB)
	img, err := m.leaving(ctx, func() (*imageproc.RGB, error) { time.Sleep(20 * time.Millisecond); return want, nil })
	if img != want || err != nil {
		t.Errorf("beside a decoder that is left behind: %v, error %v, want the picture", img, err)
	}
	close(working)
	m.behind <- struct{}{} // it has ended, and another one may be left behind
	<-m.behind
	for _, ctx := range []context.Context{t.Context(), context.Background()} {
		if _, err := m.leaving(ctx, func() (*imageproc.RGB, error) { panic("faulty decoder") }); !errors.As(err, new(*PanicError)) {
			t.Errorf("error %v, want a PanicError", err)
		}
	}
}
