package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"runtime"
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

// matched compares an answer, whose objects have their masks, with the truth.
func matched(t *testing.T, a *Answered, there truth) match {
	t.Helper()
	m, err := there.match(t.Context(), a, func(_ context.Context, o paligemma.Object) (*image.Alpha, error) { return o.Mask, nil })
	must(t, err)
	return m
}

// TestMissedAndWrongObjectsCount adds up two answers whose figures are easy to see.
func TestMissedAndWrongObjectsCount(t *testing.T) {
	var sum tally
	cat := metrics.Thing{Label: "cat", Box: metrics.Box{0, 0, 0.5, 0.5}}
	dog := metrics.Thing{Label: "dog", Box: metrics.Box{0.5, 0.5, 1, 1}}

	// One found with an IoU of 1, one missed, one that is not there.
	first := &Answered{Example: &Example{Task: Detect}, Text: "x", Objects: []paligemma.Object{
		object("cat", 0.9, 0, 0, 0.5, 0.5), object("cow", 0.8, 0.5, 0.5, 1, 1)}}
	sum.text(first, nil)
	sum.objects(first, nil, matched(t, first, truth{things: []metrics.Thing{cat, dog}}), true)
	// One that is there, but with an IoU below a half; the answer has a problem.
	second := &Answered{Example: &Example{Task: Detect}, Text: "x", Objects: []paligemma.Object{object("dog", 0.1, 0.5, 0.5, 0.875, 0.75)}}
	sum.text(second, nil)
	sum.objects(second, []paligemma.Problem{{}}, matched(t, second, truth{things: []metrics.Thing{dog}}), true)

	r := sum.report(Detect)
	o := *r.Objects
	want := ObjectReport{Truth: 3, Found: 3, BoxIoU: 1.375 / 3, F1: 1.0 / 3, Malformed: 1, UpperPrecision: 1, AveragePrecision: 1.0 / 3}
	if r.Count != 2 || math.Abs(o.BoxIoU-want.BoxIoU) > 1e-9 || math.Abs(o.F1-want.F1) > 1e-9 {
		t.Errorf("%+v, want %+v", o, want)
	}
	o.BoxIoU, o.F1 = want.BoxIoU, want.F1
	if o != want {
		t.Errorf("%+v, want %+v", o, want)
	}
	if first.BoxIoUs[0] != 1 || first.BoxIoUs[1] != 0 || second.BoxIoUs[0] != 0.375 {
		t.Errorf("IoUs %v, %v", first.BoxIoUs, second.BoxIoUs)
	}
}

// TestMasksArePairedByBox: a mask counts with the pair of its box; without a decoder
// the report has no mask IoU.
func TestMasksArePairedByBox(t *testing.T) {
	cat := metrics.Thing{Label: "cat", Box: metrics.Box{0, 0, 1, 1}}
	there := truth{things: []metrics.Thing{cat, {Label: "dog", Box: cat.Box}},
		mask: func(context.Context, int) (*image.Alpha, error) { return filled(0, 0, 4, 4), nil }}
	o := object("cat", 1, 0, 0, 1, 1)
	o.Pixels, o.Codes, o.Mask = image.Rect(0, 0, 4, 4), make([]int, 16), filled(0, 0, 4, 2)

	var sum tally
	a := &Answered{Example: &Example{Task: Segment}, Text: "x", Objects: []paligemma.Object{o}}
	sum.text(a, nil)
	sum.objects(a, nil, matched(t, a, there), true)
	r := sum.report(Segment).Objects
	if r.MaskIoU == nil || *r.MaskIoU != 0.25 || r.BoxIoU != 0.5 || r.Malformed != 0 || a.MaskIoUs[0] != 0.5 || a.MaskIoUs[1] != 0 {
		t.Errorf("%+v, masks %v", r, a.MaskIoUs)
	}

	a.Objects[0].Mask = nil // spelled, but not drawn
	sum.objects(a, nil, matched(t, a, there), false)
	if r := sum.report(Segment).Objects; r.MaskIoU != nil {
		t.Errorf("mask IoU %v without a decoder", *r.MaskIoU)
	}

	var boxes tally // a box where a mask was asked for
	a.Objects[0].Codes = nil
	boxes.objects(a, nil, matched(t, a, there), true)
	if r := boxes.report(Segment).Objects; r.MaskIoU == nil || *r.MaskIoU != 0 || r.Malformed != 1 {
		t.Errorf("without masks: %+v", r)
	}
}

func TestTextWithoutObjectsIsMalformed(t *testing.T) {
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

// TestFiguresEqualEvaluatePy: answers to held-out scenes, with and without faults,
// score as in scripts/tiny/evaluate.py, which runs the same model in transformers.
// scripts/eval/golden.py wrote the answers and figures.
func TestFiguresEqualEvaluatePy(t *testing.T) {
	const dir = "../testdata/metrics/heldout/"
	data, err := os.ReadFile(dir + "golden.json")
	must(t, err)
	var golden struct {
		Side    int
		Answers []string
		Figures map[string]float64 // to four digits
	}
	must(t, json.Unmarshal(data, &golden))
	set, err := Open(t.Context(), dir+"data.jsonl", 0)
	must(t, err)
	if set.Len() != len(golden.Answers) {
		t.Fatalf("%d answers for %d examples", len(golden.Answers), set.Len())
	}
	m := open(t, "f32")
	v, size := viewer{model: m, set: set}, image.Pt(golden.Side, golden.Side)
	sums := map[Task]*tally{}
	i := 0
	for e, err := range set.Examples(t.Context()) {
		must(t, err)
		if sums[e.Task] == nil {
			sums[e.Task] = &tally{}
		}
		a := &Answered{Example: e, Text: golden.Answers[i]}
		i++
		sums[e.Task].text(a, &set.captions)
		if e.Task.objects() {
			var problems []paligemma.Problem
			a.Objects, problems = m.ParseObjects(a.Text, size)
			found, err := v.truth(e, size).match(t.Context(), a, v.draw)
			must(t, err)
			sums[e.Task].objects(a, problems, found, true)
		}
	}
	detect, segment := sums[Detect].report(Detect).Objects, sums[Segment].report(Segment).Objects
	for name, f := range map[string]struct{ got, tolerance float64 }{
		"caption": {sums[Caption].report(Caption).Exact, 1e-4}, "answer": {sums[Answer].report(Answer).Exact, 1e-4},
		"ocr": {sums[OCR].report(OCR).Exact, 1e-4}, "detect F1": {detect.F1, 1e-4}, "detect IoU": {detect.BoxIoU, 1e-4},
		"segment IoU": {*segment.MaskIoU, 2e-3}, // masks here are of 8 bits before they are stretched, there of 32
	} {
		want, ok := golden.Figures[name]
		if !ok || !(math.Abs(f.got-want) <= f.tolerance) {
			t.Errorf("%s is %.5f, want %.4f", name, f.got, want)
		}
		delete(golden.Figures, name)
	}
	if len(golden.Figures) > 0 || detect.Malformed == 0 || segment.Malformed == 0 {
		t.Errorf("figures left: %v; malformed: %d and %d", golden.Figures, detect.Malformed, segment.Malformed)
	}
}

// TestFewMasksAtATime: an answer may have a hundred masks of 100 megapixels each.
func TestFewMasksAtATime(t *testing.T) {
	const things, size = 12, 2 << 20
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before, most := heap(), 0
	draw := func() *image.Alpha {
		most = max(most, heap()-before)
		return filled(0, 0, 1<<10, size>>10)
	}
	there := truth{mask: func(context.Context, int) (*image.Alpha, error) { return draw(), nil }}
	a := &Answered{Example: &Example{Task: Segment}}
	for i := range things {
		label := fmt.Sprint(i)
		there.things = append(there.things, metrics.Thing{Label: label, Box: metrics.Box{0, 0, 1, 1}})
		a.Objects = append(a.Objects, object(label, 1, 0, 0, 1, 1))
	}
	m, err := there.match(t.Context(), a, func(context.Context, paligemma.Object) (*image.Alpha, error) { return draw(), nil })
	must(t, err)
	if len(m.masks) != things || m.masks[things-1] != 1 || most > 3*size {
		t.Errorf("masks %v, up to %d bytes of them in memory, want at most %d", m.masks, most, 3*size)
	}
}

// TestAMaskThatIsNotDrawn: of a box with more pixels than the model draws. Then masks are not
// compared.
func TestAMaskThatIsNotDrawn(t *testing.T) {
	there := truth{things: []metrics.Thing{{Label: "cat", Box: metrics.Box{0, 0, 1, 1}}},
		mask: func(context.Context, int) (*image.Alpha, error) { return nil, nil }}
	o := object("cat", 1, 0, 0, 1, 0.5)
	o.Mask = filled(0, 0, 4, 2)
	if m := matched(t, &Answered{Example: &Example{Task: Segment}, Objects: []paligemma.Object{o}}, there); m.masks != nil || m.ious[0] != 0.5 {
		t.Errorf("masks %v, boxes %v", m.masks, m.ious)
	}
}
