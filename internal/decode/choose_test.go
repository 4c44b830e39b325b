package decode

import (
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/sample"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestSummaryIsOfAllLogits compares the likeliest token with the one that all
// logits give, for every type of head that kernels read, with a softcap and
// without.
func TestSummaryIsOfAllLogits(t *testing.T) {
	testmodel.EachKernel(t, func(t *testing.T, ours bool) {
		for _, name := range []string{"pg1-a", "pg2-b"} {
			for _, typ := range []string{"f32", "f16", "bf16", "q8_0", "q4_0"} {
				p := testmodel.TakeApart(t, testmodel.Read(t, testmodel.Convert(t, name, convert.Options{Type: "f32", EmbeddingType: typ})))
				d := newDecoder(t, p, ours, nil)
				s := asked(t, d, name)
				if can := d.canSummarize(); can != ours {
					t.Fatalf("%s, %s: a summary is possible: %t, want %t", name, typ, can, ours)
				}
				for n := range 8 {
					logits := allLogits(t, d, s)
					i, want, err := greedy.Choose(logits, grammar.All(d.gemma.Vocab), n)
					must(t, err)
					got := request(t, d, &Request{Sequence: s, Sampler: greedy, Number: n}).Choice
					if wantProb := logits[i] - sample.LogSumExp(logits); got.ID != want || !(math.Abs(float64(got.LogProb-wantProb)) < 1e-5) {
						t.Fatalf("%s, %s: token %d at %v, want %d at %v", name, typ, got.ID, got.LogProb, want, wantProb)
					}
					advance(t, d, s, want)
				}
			}
		}
	})
}

// TestDrawsFromLikeliestRuns wants tokens to be drawn among the likeliest runs
// where these decide, and the token to be that drawn from all logits.
func TestDrawsFromLikeliestRuns(t *testing.T) {
	testmodel.EachKernel(t, func(t *testing.T, ours bool) {
		d := newDecoder(t, testmodel.OracleParts(t, "pg1-a"), ours, nil)
		s := asked(t, d, "pg1-a")
		logits := allLogits(t, d, s)
		for _, c := range []struct {
			o    sample.Options
			want bool
		}{
			{sample.Options{Temperature: 1, TopK: 3}, true},
			{sample.Options{Temperature: 1, TopK: 3, Forbidden: []int32{1, 2}}, true},
			{sample.Options{Forbidden: []int32{1}}, true},
			{sample.Options{Temperature: 1}, false},
			{sample.Options{Temperature: 1, TopK: d.gemma.Vocab}, false},
		} {
			for n := range 9 {
				r := &Request{Sequence: s, Sampler: sample.New(c.o), Number: n}
				ok := d.summaryDecides(r) && len(d.likeliest(t.Context(), []*Request{r})) == 0
				must(t, r.Err)
				got := r.Choice
				if ok != (c.want && ours) {
					t.Errorf("%+v: chosen by runs: %t, want %t", c.o, ok, c.want && ours)
				}
				_, want, err := sample.New(c.o).Choose(logits, grammar.All(d.gemma.Vocab), n)
				must(t, err)
				if ok && got.ID != want {
					t.Errorf("%+v: token %d is %d, want %d", c.o, n, got.ID, want)
				}
			}
		}
	})
}

// TestGreatestRuns has ties, among the runs that are taken and at their edge.
func TestGreatestRuns(t *testing.T) {
	for _, c := range []struct {
		tops []float32
		n    int
		want []int32
	}{
		{[]float32{5}, 1, []int32{0}},
		{[]float32{1, 5, 3, 4, 2}, 1, []int32{1}},
		{[]float32{1, 5, 3, 4, 2}, 3, []int32{1, 2, 3}},
		{[]float32{5, 4, 3, 2, 1}, 2, []int32{0, 1}},
		{[]float32{1, 2, 3, 4, 5}, 2, []int32{3, 4}},
		{[]float32{4, 4, 1, 4}, 3, []int32{0, 1, 3}},
		{[]float32{4, 4, 1, 4}, 2, nil},
		{[]float32{3, 5, 3}, 2, nil},
		{[]float32{3, 3, 5}, 2, nil},
		{[]float32{3, 3, 5, 6}, 2, []int32{2, 3}},
	} {
		var runs []nn.Run
		for _, top := range c.tops {
			runs = append(runs, nn.Run{Max: top, SumExp: 1})
		}
		if got := greatest(runs, c.n); !slices.Equal(got, c.want) {
			t.Errorf("greatest(%v, %d) = %v, want %v", c.tops, c.n, got, c.want)
		}
	}
}

// TestSummaryJoinsRuns: of equals the first is the argmax, and one that is not a
// number spoils all.
func TestSummaryJoinsRuns(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		runs    []nn.Run
		id      int32
		logProb float64
	}{
		{runs(2, 5, 1), 5, 0},
		{runs(2, 5, 1, 2, 0, 1), 5, -math.Log(2)}, // the first of equals
		{runs(1, 5, 2, 3, 7, 1.5), 64 + 7, -math.Log(1.5 + 2/math.E/math.E)},
		{runs(3, 7, 1.5, 1, 5, 2), 7, -math.Log(1.5 + 2/math.E/math.E)},
		{runs(-200, 1, 1, 200, 2, 1), 64 + 2, 0},
		{runs(200, 1, 1, nan, 2, 1), 0, math.NaN()},
		{runs(nan, 1, 1, 200, 2, 1), 0, math.NaN()},
	} {
		o := summarize(c.runs)
		id := o.Argmax
		if got := float64(o.Max - o.LogSumExp); id != c.id || !(math.Abs(got-c.logProb) < 1e-6 || math.IsNaN(got) && math.IsNaN(c.logProb)) {
			t.Errorf("summarize(%v) = %d, %v, want %d, %v", c.runs, id, got, c.id, c.logProb)
		}
	}
}
