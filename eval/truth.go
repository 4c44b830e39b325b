package eval

import (
	"context"
	"image"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/metrics"
)

// A truth holds the things to find in a picture.
type truth struct {
	things []metrics.Thing
	masks  []*image.Alpha // one for each thing; nil if the data has none
}

// truth reads the things of an example. size is the picture's, in pixels.
func (v *viewer) truth(ctx context.Context, e *Example, size image.Point) (truth, error) {
	var t truth
	if e.Boxes != nil {
		for i, b := range e.Boxes {
			t.things = append(t.things, metrics.Thing{Label: e.Labels[i], Box: metrics.Box{b[1], b[0], b[3], b[2]}})
		}
	} else {
		spelled, _ := v.model.ParseObjects(e.Expected[0], size)
		t.things = things(spelled)
		if len(e.Masks) == 0 {
			if err := v.model.AddMasks(ctx, spelled); err != nil {
				return truth{}, err
			}
		}
		for _, o := range spelled {
			if o.Mask != nil {
				t.masks = append(t.masks, o.Mask)
			}
		}
		if len(t.masks) != len(t.things) {
			t.masks = nil
		}
	}
	for _, name := range e.Masks {
		m, err := v.mask(ctx, name, size)
		if err != nil {
			return truth{}, err
		}
		t.masks = append(t.masks, m)
	}
	return t, nil
}

// things returns the boxes and labels of objects.
func things(objects []paligemma.Object) []metrics.Thing {
	list := make([]metrics.Thing, len(objects))
	for i, o := range objects {
		list[i] = metrics.Thing{Label: o.Label, Box: metrics.Box{o.Box.X0, o.Box.Y0, o.Box.X1, o.Box.Y1}}
	}
	return list
}
