package eval

import (
	"time"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/metrics"
)

// A tally adds up what becomes a TaskReport.
type tally struct {
	count, exact, cut  int
	vqa, anls, cider   float64 // sums
	took               time.Duration
	truth, found, hits int     // things, objects, and things found with an IoU of metrics.Found or more
	boxIoU             float64 // sum over the things
	maskIoU            float64 // sum over the masks
	masks              int     // of the things
	undecoded          bool    // an answer has the codes of a mask, but the model no decoder
	malformed          int
	ranking            metrics.Ranking
}

// text measures the text of an answer.
func (t *tally) text(a *Answered, captions *metrics.Corpus) {
	t.count++
	t.took += a.Time
	if a.Stop != paligemma.StopEOS {
		t.cut++
	}
	if a.Exact = metrics.Exact(a.Text, a.Expected); a.Exact {
		t.exact++
	}
	add := func(sum *float64, v float64) *float64 {
		*sum += v
		return &v
	}
	switch a.Task {
	case Caption:
		a.CIDEr = add(&t.cider, captions.CIDErD(a.Text, a.Expected))
	case Answer:
		a.VQA = add(&t.vqa, metrics.VQA(a.Text, a.Expected))
		a.ANLS = add(&t.anls, metrics.ANLS(a.Text, a.Expected))
	case OCR:
		a.ANLS = add(&t.anls, metrics.ANLS(a.Text, a.Expected))
	}
}

// objects measures the objects of an answer. decoder says whether the model draws masks.
func (t *tally) objects(a *Answered, problems []paligemma.Problem, m match, decoder bool) {
	if malformed(a, problems) {
		t.malformed++
	}
	right := make([]bool, len(a.Objects))
	for j, iou := range m.ious {
		t.boxIoU += iou
		if iou >= metrics.Found {
			t.hits++
			right[m.partner[j]] = true
		}
	}
	t.truth, t.found = t.truth+len(m.ious), t.found+len(right)
	for i, o := range a.Objects {
		t.ranking.Add(float64(o.Score), right[i])
		t.undecoded = t.undecoded || !decoder && hasMask(o)
	}
	a.BoxIoUs, a.MaskIoUs = m.ious, m.masks
	for _, iou := range m.masks {
		t.maskIoU += iou
	}
	t.masks += len(m.masks)
}

// malformed reports whether an answer has other text than objects, or objects
// without the masks asked for.
func malformed(a *Answered, problems []paligemma.Problem) bool {
	if len(problems) > 0 || len(a.Objects) == 0 && a.Text != "" {
		return true
	}
	for _, o := range a.Objects {
		if a.Task == Segment && o.Codes == nil {
			return true
		}
	}
	return false
}

func (t *tally) report(task Task) TaskReport {
	mean := func(sum float64, n int) *float64 {
		sum /= float64(max(1, n))
		return &sum
	}
	r := TaskReport{Task: task, Count: t.count, Exact: *mean(float64(t.exact), t.count), Cut: t.cut, Time: t.took / time.Duration(max(1, t.count))}
	switch task {
	case Caption:
		r.CIDEr = mean(t.cider, t.count)
	case Answer:
		r.VQA, r.ANLS = mean(t.vqa, t.count), mean(t.anls, t.count)
	case OCR:
		r.ANLS = mean(t.anls, t.count)
	case Detect, Segment:
		o := &ObjectReport{Truth: t.truth, Found: t.found, Malformed: t.malformed,
			BoxIoU: *mean(t.boxIoU, t.truth), F1: metrics.F1(t.hits, t.found, t.truth),
			AveragePrecision: t.ranking.AveragePrecision(t.truth)}
		o.UpperPrecision, o.LowerPrecision = t.ranking.Halves()
		if t.masks > 0 && !t.undecoded {
			o.MaskIoU = mean(t.maskIoU, t.masks)
		}
		r.Objects = o
	}
	return r
}
