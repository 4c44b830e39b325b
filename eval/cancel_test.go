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

	"github.com/pgcli/paligemma/internal/testctx"
)

// TestDataSetsEndWithTheirContext: a data set is read, compared with a journal, and replayed
// until its caller leaves, and no line is called wrong then.
func TestDataSetsEndWithTheirContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.jsonl")
	must(t, os.WriteFile(path, []byte(strings.Repeat(`{"image": "a.png", "prompt": "ocr", "expected": "x"}`+"\n\n", 50)), 0o600))
	out := filepath.Join(t.TempDir(), "out.jsonl")
	must(t, os.WriteFile(out, nil, 0o600))
	set, err := Open(t.Context(), path, 0)
	must(t, err)
	for name, read := range map[string]func(context.Context) error{
		"open":    func(ctx context.Context) error { _, err := Open(ctx, path, 0); return err },
		"journal": func(ctx context.Context) error { return set.isInput(ctx, out, nil) },
		"replay": func(ctx context.Context) error {
			o, err := (*Options)(nil).complete()
			must(t, err)
			_, err = set.each(ctx, o, func(*Example) error { return nil })
			return err
		},
	} {
		for _, n := range []int64{0, 1, 20, 50} {
			if err := read(testctx.New(t.Context(), n)); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: after %d looks: error %v, want %v", name, n, err, context.Canceled)
			} else if strings.Contains(err.Error(), path) {
				t.Errorf("%s: after %d looks: %v names a line", name, n, err)
			}
		}
	}
}

// TestJournalsEndWithTheirContext: a journal that is opened or finished for nobody stays as it is.
func TestJournalsEndWithTheirContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.jsonl")
	must(t, os.WriteFile(path, []byte(strings.Repeat(`{"image": "a.png", "prompt": "ocr", "expected": "x"}`+"\n", 3)), 0o600))
	set, err := Open(t.Context(), path, 0)
	must(t, err)
	out := filepath.Join(t.TempDir(), "out.jsonl")
	j, err := OpenJournal(t.Context(), out, false, set, aSetting)
	must(t, err)
	for e, err := range set.Examples(t.Context()) {
		must(t, err)
		must(t, j.add(&Answered{Example: e, Text: "x"}, nil, [2]int{1, 1}))
	}
	if err := j.Finish(testctx.New(t.Context(), 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("finish: error %v, want %v", err, context.Canceled)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a part is there as the whole: %v", err)
	}
	must(t, j.Close())
	if _, err := OpenJournal(testctx.New(t.Context(), 2), out, false, set, aSetting); !errors.Is(err, context.Canceled) {
		t.Errorf("open: error %v, want %v", err, context.Canceled)
	}
	j, err = OpenJournal(t.Context(), out, false, set, aSetting)
	must(t, err)
	if j.Earlier() != 3 {
		t.Errorf("%d answers are left, want 3", j.Earlier())
	}
	must(t, j.Finish(t.Context()))
}

// TestMasksEndWithTheirContext, which is looked at once a line.
func TestMasksEndWithTheirContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mask.png")
	save(t, path, image.NewGray(image.Rect(0, 0, 56, 56)))
	v := viewer{model: open(t, "f32"), set: &DataSet{path: path}}
	const many = 1 << 20
	ctx := testctx.New(t.Context(), many)
	_, err := v.mask(ctx, "mask.png", image.Pt(56, 56))
	must(t, err)
	looks := many - ctx.Left()
	if looks < 56 {
		t.Errorf("%d looks at the context, want one a line", looks)
	}
	if _, err := v.mask(testctx.New(t.Context(), looks-5), "mask.png", image.Pt(56, 56)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

// TestBrightness: colours are as bright as for the standard library.
func TestBrightness(t *testing.T) {
	for r := 0; r < 256; r += 3 {
		for g := 0; g < 256; g += 5 {
			for b := 0; b < 256; b += 5 {
				c := color.RGBA{uint8(r), uint8(g), uint8(b), 255}
				if got, want := brightness([3]byte{c.R, c.G, c.B}), color.GrayModel.Convert(c).(color.Gray).Y; got != want {
					t.Fatalf("%v: %d, want %d", c, got, want)
				}
			}
		}
	}
}
