package overlay

import (
	"context"
	"errors"
	"image"
	"io"
	"slices"
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
	for name, c := range map[string]struct {
		least int64
		do    func(context.Context) error
	}{
		"draw":    {2 * side, func(ctx context.Context) error { _, err := Draw(ctx, img, objects, Style{}); return err }},
		"SVG":     {1, func(ctx context.Context) error { return SVG(ctx, io.Discard, mask.Rect.Size(), objects, Style{}, "") }},
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
