package export

import (
	"context"
	"errors"
	"image"
	"math"
	"testing"

	"github.com/pgcli/paligemma/internal/overlay"
	"github.com/pgcli/paligemma/internal/testctx"
)

// ragged returns an object whose mask is a lattice of squares of 3 pixels.
func ragged(side int) Object {
	mask := image.NewAlpha(image.Rect(0, 0, side, side))
	for i := range mask.Pix {
		if i%side%4 < 3 && i/side%4 < 3 {
			mask.Pix[i] = 0xff
		}
	}
	rle, err := overlay.EncodeMask(context.Background(), mask, image.Pt(side, side))
	if err != nil {
		panic(err)
	}
	return Object{RLE: rle}
}

// area is that of a polygon, which bridges there and back leave as it is.
func area(r ring) (twice float64) {
	for i, p := range r {
		q := r[(i+1)%len(r)]
		twice += float64(p[0])*float64(q[1]) - float64(q[0])*float64(p[1])
	}
	return math.Abs(twice / 2)
}

// TestOutlinesAreJoined to one polygon of the same area: by short bridges, and of a ragged mask
// by bridges from one point, without comparing all points with all others.
func TestOutlinesAreJoined(t *testing.T) {
	for side, near := range map[int]bool{9: true, 201: false} {
		o := ragged(side)
		mask, err := o.RLE.Decode(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all, err := overlay.Outlines(t.Context(), mask)
		if err != nil {
			t.Fatal(err)
		}
		want, points := 0.0, 0
		for _, r := range all {
			want += area(r)
			points += len(r)
		}
		if (points <= mostNear) != near || len(all) < 2 {
			t.Fatalf("side %d: %d outlines of %d points", side, len(all), points)
		}
		joined, err := o.outline(t.Context())
		if err != nil || len(joined) != points+2*len(all)-2 || math.Abs(area(joined)-want) > 1e-6*want {
			t.Errorf("side %d: %d points of area %g, error %v, want %d of area %g", side, len(joined), area(joined), err, points+2*len(all)-2, want)
		}
		bridges := -1
		for _, p := range joined {
			if p == all[0][0] {
				bridges++
			}
		}
		if (bridges == len(all)-1) == near {
			t.Errorf("side %d: %d of %d bridges begin at the first point", side, bridges, len(all)-1)
		}
	}
}

// TestJoiningEndsWithItsContext between two outlines.
func TestJoiningEndsWithItsContext(t *testing.T) {
	ctx := testctx.New(t.Context(), 10)
	if _, err := ragged(21).outline(ctx); !errors.Is(err, context.Canceled) || ctx.Late() != 1 {
		t.Errorf("error %v, %d looks at a context that is over, want 1", err, ctx.Late())
	}
}
