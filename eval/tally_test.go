package eval

import (
	"image"
	"math"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/metrics"
)

func object(label string, score float32, x0, y0, x1, y1 float64) paligemma.Object {
	return paligemma.Object{Label: label, Score: score, Box: paligemma.Box{X0: x0, Y0: y0, X1: x1, Y1: y1}}
}

// filled is a mask that is opaque in a rectangle.
func filled(x0, y0, x1, y1 int) *image.Alpha {
	m := image.NewAlpha(image.Rect(x0, y0, x1, y1))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	return m
}

// TestObjects adds up two answers whose figures are easy to see.
func TestObjects(t *testing.T) {
	var sum tally
	cat := metrics.Thing{Label: "cat", Box: metrics.Box{0, 0, 0.5, 0.5}}
	dog := metrics.Thing{Label: "dog", Box: metrics.Box{0.5, 0.5, 1, 1}}

	// One found with an IoU of 1, one missed, one that is not there.
	first := &Answered{Example: &Example{Task: Detect}, Text: "x", Objects: []paligemma.Object{
		object("cat", 0.9, 0, 0, 0.5, 0.5), object("cow", 0.8, 0.5, 0.5, 1, 1)}}
	sum.text(first, nil)
	sum.objects(first, nil, truth{things: []metrics.Thing{cat, dog}})
	// One found with an IoU of a quarter, low score; the answer has a problem.
	second := &Answered{Example: &Example{Task: Detect}, Text: "x", Objects: []paligemma.Object{object("dog", 0.1, 0.5, 0.5, 0.75, 0.75)}}
	sum.text(second, nil)
	sum.objects(second, []paligemma.Problem{{}}, truth{things: []metrics.Thing{dog}})

	r := sum.report(Detect)
	o := *r.Objects
	want := ObjectReport{Truth: 3, Found: 3, BoxIoU: 1.25 / 3, F1: 1.0 / 3, Malformed: 1, UpperPrecision: 1, AveragePrecision: 1.0 / 3}
	if r.Count != 2 || math.Abs(o.BoxIoU-want.BoxIoU) > 1e-9 || math.Abs(o.F1-want.F1) > 1e-9 {
		t.Errorf("%+v, want %+v", o, want)
	}
	o.BoxIoU, o.F1 = want.BoxIoU, want.F1
	if o != want {
		t.Errorf("%+v, want %+v", o, want)
	}
	if first.BoxIoUs[0] != 1 || first.BoxIoUs[1] != 0 || second.BoxIoUs[0] != 0.25 {
		t.Errorf("IoUs %v, %v", first.BoxIoUs, second.BoxIoUs)
	}
}

// TestMasks: a mask counts with the box it is paired with; without a decoder
// there is no figure.
func TestMasks(t *testing.T) {
	cat := metrics.Thing{Label: "cat", Box: metrics.Box{0, 0, 1, 1}}
	there := truth{things: []metrics.Thing{cat, {Label: "dog", Box: cat.Box}}, masks: []*image.Alpha{filled(0, 0, 4, 4), filled(0, 0, 4, 4)}}
	o := object("cat", 1, 0, 0, 1, 1)
	o.Pixels, o.Codes, o.Mask = image.Rect(0, 0, 4, 4), make([]int, 16), filled(0, 0, 4, 2)

	var sum tally
	a := &Answered{Example: &Example{Task: Segment}, Text: "x", Objects: []paligemma.Object{o}}
	sum.text(a, nil)
	sum.objects(a, nil, there)
	r := sum.report(Segment).Objects
	if r.MaskIoU == nil || *r.MaskIoU != 0.25 || r.BoxIoU != 0.5 || r.Malformed != 0 || a.MaskIoUs[0] != 0.5 || a.MaskIoUs[1] != 0 {
		t.Errorf("%+v, masks %v", r, a.MaskIoUs)
	}

	a.Objects[0].Mask = nil // spelled, but not drawn
	sum.objects(a, nil, there)
	if r := sum.report(Segment).Objects; r.MaskIoU != nil {
		t.Errorf("mask IoU %v without a decoder", *r.MaskIoU)
	}

	var boxes tally // a box where a mask was asked for
	a.Objects[0].Codes = nil
	boxes.objects(a, nil, there)
	if r := boxes.report(Segment).Objects; r.MaskIoU == nil || *r.MaskIoU != 0 || r.Malformed != 1 {
		t.Errorf("without masks: %+v", r)
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name string
		a    Answered
		want bool
	}{
		{"nothing", Answered{}, false},
		{"text alone", Answered{Text: "no cats"}, true},
		{"a box", Answered{Text: "x", Objects: make([]paligemma.Object, 1)}, false},
	} {
		c.a.Example = &Example{Task: Detect}
		if got := malformed(&c.a, nil); got != c.want {
			t.Errorf("%s: malformed is %v", c.name, got)
		}
	}
}
