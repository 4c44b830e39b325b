package overlay

import (
	"context"
	"errors"
	"image"
	"math/rand/v2"
	"testing"

	"github.com/pgcli/paligemma/internal/testctx"
)

// TestMasksEndWithTheirContext: each step on a large mask looks at its context while it
// works, at least once in so many steps, and ends with it.
func TestMasksEndWithTheirContext(t *testing.T) {
	const side = 300
	mask, rng := image.NewAlpha(image.Rect(0, 0, side, side)), rand.New(rand.NewPCG(1, 2))
	for i := range mask.Pix {
		mask.Pix[i] = uint8(rng.Uint32())
	}
	var comb []point // a line whose points are all kept
	for i := range 1000 {
		comb = append(comb, point{float32(i), float32(i % 2 * 100)})
	}
	for name, step := range map[string]func(ctx context.Context) error{
		"EncodeMask": func(ctx context.Context) error {
			_, err := EncodeMask(ctx, mask, image.Pt(side, 2*side))
			return err
		},
		"EncodeMask of a column": func(ctx context.Context) error {
			_, err := EncodeMask(ctx, mask, image.Pt(1, 3*side*side))
			return err
		},
		"edges": func(ctx context.Context) error {
			_, _, err := edges(&pace{ctx: ctx}, mask)
			return err
		},
		"contours": func(ctx context.Context) error {
			_, err := contours(ctx, mask)
			return err
		},
		"Outlines": func(ctx context.Context) error {
			_, err := Outlines(ctx, mask)
			return err
		},
		"Decode": func(ctx context.Context) error {
			_, err := (&RLE{[2]int{1 << 12, 1 << 10}, compress([]int{5, 1<<22 - 5})}).Decode(ctx)
			return err
		},
		"simplify": func(ctx context.Context) error {
			_, err := simplify(&pace{ctx: ctx}, comb)
			return err
		},
	} {
		counted := testctx.New(t.Context(), 1<<30)
		if err := step(counted); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		looks := 1<<30 - counted.Left()
		least := int64(5)
		if name == "contours" {
			least = 9 // it goes along the edges, too
		}
		if looks < least {
			t.Errorf("%s looks %d times, want %d or more", name, looks, least)
		}
		for _, after := range []int64{0, looks / 2, looks - 1} {
			ctx := testctx.New(t.Context(), after)
			if err := step(ctx); !errors.Is(err, context.Canceled) || ctx.Late() > 2 {
				t.Errorf("%s, ended after %d looks: error %v, and it looks %d times more", name, after, err, ctx.Late())
			}
		}
	}
}
