package batch

import (
	"context"
	"errors"
	"image"
	"testing"

	"github.com/pgcli/paligemma"
)

// TestMasksEndWithTheirContext: masks of an answer end with the run, and are not taken for
// an answer without masks.
func TestMasksEndWithTheirContext(t *testing.T) {
	size, enough := image.Pt(8, 8), errors.New("enough")
	objects := []paligemma.Object{{}, {Mask: image.NewAlpha(image.Rectangle{Max: size})}}
	if all, err := masks(t.Context(), objects, size); len(all) != 2 || all[0] != nil || all[1] == nil || err != nil {
		t.Errorf("%v, error %v, want the mask of the second object", all, err)
	}
	ctx, end := context.WithCancelCause(t.Context())
	end(enough)
	if all, err := masks(ctx, objects, size); all != nil || !errors.Is(err, enough) {
		t.Errorf("%v, error %v, want %v", all, err, enough)
	}
}
