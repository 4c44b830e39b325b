package paligemma

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/golden"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/kernels"
)

// What bfloat16 products of a prompt and a picture may differ by, as the norm of the
// difference over the norm of a tap: from the reference in float32 with the same
// weights, and from the reference run in bfloat16.
const (
	bfloatTaps      = 1.5e-2
	bfloatReference = 3.5e-2
)

// TestBFloatProducts compares the taps of a BF16 file with the reference run in
// float32 and in bfloat16, at each level that multiplies bfloat16 by bfloat16. No tap
// may be farther from float32 than the reference's own run in bfloat16 is, which
// rounds every intermediate result. With Precise, nothing is rounded.
func TestBFloatProducts(t *testing.T) {
	for _, name := range []string{"pg1-a", "pg2-b"} {
		exact := testmodel.Golden(t, name, "golden-bf16.safetensors")
		rounded, err := golden.Load(testmodel.Path("testdata", "bfloat16", name+".safetensors"))
		must(t, err)
		file := testmodel.Convert(t, name, convert.Options{Type: "bf16"})
		for _, level := range kernels.Levels() {
			t.Run(fmt.Sprintf("%s/%v", name, level), func(t *testing.T) {
				compareBFloats(t, file, name, Options{Kernels: level.String()}, level.BFloats(), exact, rounded)
				compareBFloats(t, file, name, Options{Kernels: level.String(), Precise: true}, false, exact, rounded)
			})
		}
	}
}

// compareBFloats compares the taps of one picture, its prompt and the first logits. If
// the products do not round, all of the difference is float32's.
func compareBFloats(t *testing.T, file, name string, o Options, rounds bool, exact, rounded *golden.Set) {
	t.Helper()
	q := readQuestion(t, name)
	rec := &testmodel.Recorder{}
	o.CacheF32, o.Trace = true, rec.Trace
	m := open(t, file, o)
	images := encodeAll(t, m, q.pictures)
	s := newSession(t, m)
	must(t, s.Prefill(t.Context(), images, q.prompt))
	logitsOf(t, s)
	var far, farReference, farLargest, theirs float64
	taps := rec.Take()
	for _, tap := range taps {
		_, want := exact.Get(tap.Name)
		_, reference := rounded.Get(tap.Name)
		if want == nil || len(reference) != len(want) {
			t.Fatalf("tap %s has goldens of %d and %d values", tap.Name, len(want), len(reference))
		}
		last := len(want) - len(tap.Values) // the last block computes the last token only
		want, reference = want[last:], reference[last:]
		own, other := testmodel.Distance(tap.Values, want), testmodel.Distance(reference, want)
		far, farLargest = max(far, own), max(farLargest, testmodel.Farthest(tap.Values, want))
		farReference, theirs = max(farReference, testmodel.Distance(tap.Values, reference)), max(theirs, other)
		if !(own <= other) {
			t.Errorf("%s is %.1e from float32, the reference in bfloat16 %.1e", tap.Name, own, other)
		}
	}
	for _, name := range rounded.Names() {
		if name != "pixels" && name != "ids" && !slices.ContainsFunc(taps, func(tap testmodel.Tap) bool { return tap.Name == name }) {
			t.Errorf("no tap %s", name)
		}
	}
	most := float64(exactTaps)
	if rounds {
		most = bfloatTaps
	}
	if !(far <= most) || rounds && far < exactTaps {
		t.Errorf("farthest tap is %.1e from the reference in float32, want up to %.1e", far, most)
	}
	if !(farReference <= bfloatReference) {
		t.Errorf("farthest tap is %.1e from the reference in bfloat16, want up to %.0e", farReference, bfloatReference)
	}
	t.Logf("precise=%t: from float32 %.2e, largest %.2e; from the reference in bfloat16 %.2e; that from float32 %.2e", o.Precise, far, farLargest, farReference, theirs)
}
