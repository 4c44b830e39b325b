package decode

import (
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/internal/testmodel"
)

// prefixOf returns the tap of a prefix [d, n] of soft tokens and ids.
func prefixOf(t *testing.T, name string, soft []float32) []float32 {
	t.Helper()
	rec := &testmodel.Recorder{}
	d := newDecoder(t, testmodel.OracleParts(t, name), true, rec.Trace)
	must(t, d.Prefix(t.Context(), newSequence(t, d, 200), soft, testmodel.ReadQuestion(t, name).PromptIDs(), nil))
	return testmodel.Find(t, rec.Take(), "prefix").Values
}

// TestTrapTextFirst: soft tokens come before the text. Only their direction is
// looked at.
func TestTrapTextFirst(t *testing.T) {
	for _, name := range []string{"pg1-c", "pg2-a"} {
		soft := slices.Concat(testmodel.ReadQuestion(t, name).Soft...)
		prefix := prefixOf(t, name, soft)
		if c := testmodel.Cosine(prefix[:len(soft)], soft); c < 0.9999 {
			t.Errorf("%s: the prefix starts with something at cosine %.3f to the pictures", name, c)
		}
	}
}

// TestTrapPictureScaled: soft tokens enter the decoder as the projector makes
// them, wherever they stand.
func TestTrapPictureScaled(t *testing.T) {
	for _, name := range []string{"pg1-a", "pg2-a"} {
		soft := slices.Concat(testmodel.ReadQuestion(t, name).Soft...)
		prefix, text := prefixOf(t, name, soft), prefixOf(t, name, nil)
		ratio := math.Sqrt((testmodel.Power(prefix) - testmodel.Power(text)) / testmodel.Power(soft))
		if math.Abs(ratio-1) > 1e-4 {
			t.Errorf("%s: soft tokens are multiplied by %.4f", name, ratio)
		}
	}
}
