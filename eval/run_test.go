package eval

import (
	"context"
	"errors"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
)

// TestRunScoresTheOracle: the oracle's answer is exactly right if it is the expected
// one, and a picture is encoded once for lines in a row.
func TestRunScoresTheOracle(t *testing.T) {
	m := open(t, "f32")
	prompt, answer := reference(t, m)
	path := folder(t, line(t, prompt, answer, ""), line(t, prompt, "no", ""), line(t, prompt, answer, `, "task": "ocr"`))
	other := strings.Replace(line(t, prompt, answer, `, "task": "caption"`), "picture", "other", 1)
	must(t, os.Link(filepath.Join(filepath.Dir(path), "picture.png"), filepath.Join(filepath.Dir(path), "other.png")))
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append(data, other...), 0o644))

	set, err := Open(t.Context(), path, 0)
	must(t, err)
	var answers []Answered
	var progress []int
	r, err := Run(t.Context(), m, set, &Options{MaxTokens: 64,
		Answered: func(a *Answered) error { answers = append(answers, *a); return nil },
		Progress: func(done int) { progress = append(progress, done) }})
	must(t, err)
	if r.Examples != 4 || r.Answered != 4 || r.Failed != 0 || r.Partial || r.Pictures != 2 || len(progress) != 4 || progress[3] != 4 {
		t.Errorf("report %+v, progress %v", r, progress)
	}
	if r.Encode <= 0 || r.Picture <= r.Encode {
		t.Errorf("a picture takes %v to encode, %v in all", r.Encode, r.Picture)
	}
	if len(r.Tasks) != 3 || r.Tasks[0].Task != Caption || r.Tasks[1].Task != Answer || r.Tasks[2].Task != OCR {
		t.Fatalf("tasks %+v", r.Tasks)
	}
	caption, ask, ocr := r.Tasks[0], r.Tasks[1], r.Tasks[2]
	if ask.Count != 2 || ask.Exact != 0.5 || *ask.VQA != 0.5 || *ask.ANLS != 0.5 || ask.CIDEr != nil || ask.Objects != nil || ask.Cut != 2 || ask.Time <= 0 {
		t.Errorf("answers: %+v", ask)
	}
	if ocr.Count != 1 || ocr.Exact != 1 || *ocr.ANLS != 1 || ocr.VQA != nil {
		t.Errorf("ocr: %+v", ocr)
	}
	if caption.Exact != 1 || caption.CIDEr == nil || *caption.CIDEr != 0 { // a corpus of one knows no rare words
		t.Errorf("caption: %+v", caption)
	}
	for i, a := range answers {
		if a.Text != answer || a.Exact != (i != 1) || a.Stop != paligemma.StopLength {
			t.Errorf("answer %d is %+v", i, a)
		}
	}
}

// TestFailureEndsTheRunOrIsLeftOut: Options.Failed decides about an example that
// cannot be asked.
func TestFailureEndsTheRunOrIsLeftOut(t *testing.T) {
	m := open(t, "f32")
	good := line(t, "ocr", "x", "")
	long := line(t, strings.Repeat("word ", 4000), "x", "")
	missing := strings.Replace(good, "picture", "none", 1)
	for _, c := range []struct {
		bad  string
		want string
	}{
		{missing, "data.jsonl:2: picture none.png: "},
		{strings.Replace(good, "picture.png", "data.jsonl", 1), "data.jsonl:2: picture data.jsonl: "},
		{strings.Replace(good, "picture.png", ".", 1), "data.jsonl:2: picture .: "},
		{long, "data.jsonl:2: picture picture.png: "},
		{line(t, "segment cat", loc+" cat", `, "masks": ["none.png"]`), "data.jsonl:2: mask none.png: "},
		{line(t, "segment cat", loc+" cat", `, "masks": ["small.png"]`), "data.jsonl:2: mask small.png is 5 x 4 pixels, want 56 x 56 as the picture"},
	} {
		path := folder(t, good, c.bad, c.bad, good)
		save(t, filepath.Join(filepath.Dir(path), "small.png"), image.NewGray(image.Rect(0, 0, 5, 4)))
		set, err := Open(t.Context(), path, 0)
		must(t, err)
		r, err := Run(t.Context(), m, set, &Options{MaxTokens: 1})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
		if !r.Partial || r.Answered != 1 || r.Failed != 0 {
			t.Errorf("%s: report %+v", c.want, r)
		}
		var failures []error
		r, err = Run(t.Context(), m, set, &Options{MaxTokens: 1, Failed: func(err error) { failures = append(failures, err) }})
		must(t, err)
		if r.Partial || r.Answered != 2 || r.Failed != 2 || len(failures) != 2 || !strings.Contains(failures[0].Error(), c.want) {
			t.Errorf("%s: report %+v, failures %v", c.want, r, failures)
		}
	}

	set, err := Open(t.Context(), folder(t, good), 0)
	must(t, err)
	full := errors.New("disk is full")
	_, err = Run(t.Context(), m, set, &Options{Answered: func(*Answered) error { return full }, Failed: func(error) { t.Error("counted as a failure of the example") }})
	if !errors.Is(err, full) {
		t.Errorf("error %v, want that of Answered", err)
	}
	if _, err := Run(t.Context(), m, set, &Options{MaxTokens: -1}); err == nil || !strings.Contains(err.Error(), "max tokens is -1, want 0 or more") {
		t.Errorf("error %v", err)
	}
}

// TestStoppedRunIsPartial: a run that is stopped says so, and reports the answers so
// far.
func TestStoppedRunIsPartial(t *testing.T) {
	m := open(t, "f32")
	good := line(t, "ocr", "x", "")
	set, err := Open(t.Context(), folder(t, good, good, good), 0)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Run(ctx, m, set, &Options{MaxTokens: 1, Progress: func(int) { cancel() }, Failed: func(err error) { t.Errorf("counted as failed: %v", err) }})
	if !errors.Is(err, context.Canceled) || !r.Partial || r.Answered != 1 || r.Examples != 3 || r.Failed != 0 {
		t.Errorf("report %+v, error %v", r, err)
	}
}

// TestTruthFromFieldsOrAnswer: boxes and masks come from a line's fields, or from its
// expected answer.
func TestTruthFromFieldsOrAnswer(t *testing.T) {
	m := open(t, "f32")
	path := folder(t,
		line(t, "segment cat", "", `, "boxes": [[0.25, 0.125, 0.5, 1]], "labels": ["cat"], "masks": ["mask.png"]`),
		line(t, "detect cat", "<loc0256><loc0128><loc0512><loc1023> cat", ""))
	mask := image.NewGray(image.Rect(0, 0, 56, 56))
	mask.SetGray(3, 5, color.Gray{255})
	mask.SetGray(4, 5, color.Gray{128})
	mask.SetGray(5, 5, color.Gray{127})
	save(t, filepath.Join(filepath.Dir(path), "mask.png"), mask)
	set, err := Open(t.Context(), path, 0)
	must(t, err)
	v := viewer{model: m, set: set}
	var all []truth
	for e, err := range set.Examples(t.Context()) {
		must(t, err)
		all = append(all, v.truth(e, image.Pt(56, 56)))
	}
	for i, right := range []float64{1, 1023.0 / 1024} {
		if got := all[i].things; len(got) != 1 || got[0].Label != "cat" || got[0].Box != [4]float64{0.125, 0.25, right, 0.5} {
			t.Errorf("things %d: %+v", i, got)
		}
	}
	inside := 0
	a, err := all[0].mask(t.Context(), 0)
	must(t, err)
	for _, v := range a.Pix {
		inside += int(v) / 255
	}
	if inside != 2 || a.AlphaAt(3, 5).A != 255 || a.AlphaAt(4, 5).A != 255 {
		t.Errorf("%d pixels of the mask inside", inside)
	}
	if all[1].mask != nil {
		t.Error("a detected thing has a mask")
	}
}

// TestNothingIsNoPanic: nil arguments are errors.
func TestNothingIsNoPanic(t *testing.T) {
	if _, err := Run(t.Context(), nil, nil, nil); err == nil {
		t.Error("Run: no error")
	}
	if _, err := Compare(t.Context(), nil, nil, nil, nil); err == nil {
		t.Error("Compare: no error")
	}
}

// TestWrongMasksAreFoundBeforeAsking: the model's work would be lost at each run.
func TestWrongMasksAreFoundBeforeAsking(t *testing.T) {
	m := open(t, "f32")
	const rest = `, "boxes": [[0, 0, 1, 1]], "labels": ["cat"], "masks": ["none.png"]`
	set, err := Open(t.Context(), folder(t, line(t, "segment cat", "", rest), line(t, "ocr", "x", "")), 0)
	must(t, err)
	var failed []string
	r, err := Run(t.Context(), m, set, &Options{MaxTokens: 1, Failed: func(err error) { failed = append(failed, err.Error()) }})
	must(t, err)
	if len(failed) != 1 || !strings.Contains(failed[0], "mask none.png: ") || r.Answered != 1 || r.Failed != 1 {
		t.Errorf("failures %q, report %+v", failed, r)
	}
	v := viewer{model: m, set: set}
	for e, err := range set.Examples(t.Context()) {
		must(t, err)
		if err := v.checkMasks(t.Context(), e, image.Pt(56, 56)); (err != nil) != (e.Task == Segment) {
			t.Errorf("line %d: error %v", e.Line, err)
		}
	}
}
