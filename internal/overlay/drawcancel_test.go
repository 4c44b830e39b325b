package overlay

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testctx"
)

// TestDrawingEndsWithItsContext: whenever the caller leaves, nothing is drawn to the end. Each
// line of the picture and of a mask is looked at.
func TestDrawingEndsWithItsContext(t *testing.T) {
	const side = 64
	mask := image.NewAlpha(image.Rect(0, 0, side, side))
	mask.Pix = slices.Repeat([]byte{255}, len(mask.Pix))
	objects := []Object{{Label: "cat", Box: mask.Rect, Mask: mask}}
	img := image.NewRGBA(mask.Rect)
	crowd := slices.Repeat([]Object{{Label: "a long label", Box: image.Rect(0, 0, 400, 400)}}, 20)
	for name, c := range map[string]struct {
		least int64
		do    func(context.Context) error
	}{
		"draw":    {2 * side, func(ctx context.Context) error { _, err := Draw(ctx, img, objects, Style{}); return err }},
		"SVG":     {1, func(ctx context.Context) error { return SVG(ctx, io.Discard, mask.Rect.Size(), objects, Style{}, "") }},
		"labels":  {20, func(ctx context.Context) error { return SVG(ctx, io.Discard, image.Pt(400, 400), crowd, Style{}, "") }},
		"picture": {side, func(ctx context.Context) error { _, err := DataURI(ctx, img); return err }},
	} {
		n := int64(0)
		for ; ; n++ {
			err := c.do(testctx.New(t.Context(), n))
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: after %d looks: error %v, want %v", name, n, err, context.Canceled)
			}
		}
		if n < c.least {
			t.Errorf("%s: %d looks at the context, want %d or more", name, n, c.least)
		}
	}
}

// TestFewMasksAtATime: the record of a stranger may have ten thousand masks, each of all its
// picture.
func TestFewMasksAtATime(t *testing.T) {
	const n, side = 12, 1 << 9
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	full := &RLE{[2]int{side, side}, compress([]int{0, side * side})}
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	before, most, calls := heap(), 0, 0
	var objects []Object
	for range n {
		objects = append(objects, Object{Box: img.Rect, Masked: func(ctx context.Context) (*image.Alpha, error) {
			calls++
			most = max(most, heap()-before)
			return full.Decode(ctx)
		}})
	}
	if _, err := Draw(t.Context(), img, objects, Style{}); err != nil {
		t.Fatal(err)
	}
	// The copy of the picture has 4 bytes a pixel, and a mask one.
	if limit := 6 * side * side; calls < n || most > limit {
		t.Errorf("%d masks, and up to %d bytes in memory, want at most %d", calls, most, limit)
	}
	most = 0
	if err := SVG(t.Context(), io.Discard, img.Rect.Size(), objects, Style{}, ""); err != nil || most > 2*side*side {
		t.Errorf("SVG: %v, and up to %d bytes in memory", err, most)
	}
}

// A waiting picture says that it is read, and waits.
type waiting struct {
	image.Image
	read func()
	free chan struct{}
}

func (w waiting) At(x, y int) color.Color {
	w.read()
	<-w.free
	return w.Image.At(x, y)
}

// TestEncodingIsLeftBehind: the encoder of JPEGs works to its end, and nobody waits for it.
func TestEncodingIsLeftBehind(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	free := make(chan struct{})
	defer close(free)
	var b bytes.Buffer
	err := EncodeJPEG(ctx, &b, waiting{image.NewRGBA(image.Rect(0, 0, 8, 8)), cancel, free}, 92)
	if !errors.Is(err, context.Canceled) || b.Len() > 0 {
		t.Errorf("error %v, and %d bytes are written", err, b.Len())
	}
}

// TestLongLabelsTakeNoTime: a label of a megabyte is cut before it is measured letter by letter,
// which would take hours.
func TestLongLabelsTakeNoTime(t *testing.T) {
	o := Object{Label: strings.Repeat("w", 1<<20), Box: image.Rect(0, 0, 400, 400), Score: 0.5}
	short := o
	short.Label = o.Label[:500]
	got, err := Draw(t.Context(), image.NewRGBA(o.Box), []Object{o}, Style{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := Draw(t.Context(), image.NewRGBA(o.Box), []Object{short}, Style{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Pix, want.Pix) {
		t.Error("a long label is drawn otherwise than its beginning")
	}
}
