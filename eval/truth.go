package eval

import (
	"context"
	"image"
	"slices"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/metrics"
)

// A truth holds the things to find in a picture.
type truth struct {
	things []metrics.Thing
	mask   func(ctx context.Context, thing int) (*image.Alpha, error) // reads or draws it; nil if the data has none
}

// truth reads the things of an example. size is the picture's, in pixels.
func (v *viewer) truth(e *Example, size image.Point) truth {
	var t truth
	if e.Boxes != nil {
		for i, b := range e.Boxes {
			t.things = append(t.things, metrics.Thing{Label: e.Labels[i], Box: metrics.Box{b[1], b[0], b[3], b[2]}})
		}
	} else {
		spelled, _ := v.model.ParseObjects(e.Expected[0], size)
		t.things = things(spelled)
		if !slices.ContainsFunc(spelled, func(o paligemma.Object) bool { return !v.draws(o) }) {
			t.mask = func(ctx context.Context, i int) (*image.Alpha, error) { return v.draw(ctx, spelled[i]) }
		}
	}
	if len(e.Masks) > 0 {
		t.mask = func(ctx context.Context, i int) (*image.Alpha, error) { return v.mask(ctx, e.Masks[i], size) }
	}
	return t
}

// things returns the boxes and labels of objects.
func things(objects []paligemma.Object) []metrics.Thing {
	list := make([]metrics.Thing, len(objects))
	for i, o := range objects {
		list[i] = metrics.Thing{Label: o.Label, Box: metrics.Box{o.Box.X0, o.Box.Y0, o.Box.X1, o.Box.Y1}}
	}
	return list
}

// A match says which object of an answer is which thing of the truth.
type match struct {
	ious    []float64 // of each thing's box, 0 if not found
	partner []int     // of each thing, an object; -1 if not found
	masks   []float64 // IoU of each thing's mask, 0 if not found; nil if they are not compared
}

// match compares an answer with the truth. draw returns the mask of an object, nil if it has
// none. Masks take a byte a pixel, and are compared by twos, so that no more of them are in
// memory. Those without a partner are drawn too: damaged ones are errors whatever the answer is.
func (there truth) match(ctx context.Context, a *Answered, draw func(context.Context, paligemma.Object) (*image.Alpha, error)) (match, error) {
	var m match
	m.ious, m.partner = metrics.Match(things(a.Objects), there.things)
	if a.Task != Segment {
		return m, nil
	}
	for i, o := range a.Objects {
		if !slices.Contains(m.partner, i) {
			if _, err := draw(ctx, o); err != nil {
				return m, err
			}
		}
	}
	if there.mask == nil {
		return m, nil
	}
	m.masks = make([]float64, len(there.things))
	for j, i := range m.partner {
		mask, err := there.mask(ctx, j)
		if err != nil {
			return m, err
		}
		if mask == nil { // of a box with more pixels than the model draws
			return match{m.ious, m.partner, nil}, nil
		}
		if i < 0 {
			continue
		}
		found, err := draw(ctx, a.Objects[i])
		if err != nil {
			return m, err
		}
		if found != nil {
			m.masks[j] = metrics.MaskIoU(found, mask)
		}
	}
	return m, nil
}

// draws reports whether an object has a mask that the model can draw.
func (v *viewer) draws(o paligemma.Object) bool {
	return hasMask(o) && v.model.Config().Masks
}

// hasMask reports whether an object has a mask, which a model with a decoder can draw.
func hasMask(o paligemma.Object) bool { return o.Codes != nil && !o.Pixels.Empty() }

// draw returns the mask of an object, nil if it has none.
func (v *viewer) draw(ctx context.Context, o paligemma.Object) (*image.Alpha, error) {
	one := []paligemma.Object{o}
	err := v.model.AddMasks(ctx, one)
	return one[0].Mask, err
}
