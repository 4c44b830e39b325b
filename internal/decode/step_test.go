package decode

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestRowsOfOneSequenceAreCausal: several tokens in one step leave what the
// same tokens leave one by one: the later do not show in the earlier.
func TestRowsOfOneSequenceAreCausal(t *testing.T) {
	testmodel.EachKernel(t, func(t *testing.T, ours bool) {
		for _, name := range []string{"pg1-a", "pg2-b"} {
			d := newDecoder(t, testmodel.OracleParts(t, name), ours, nil)
			apart, together := asked(t, d, name), asked(t, d, name)
			ids := []int32{5, 900, 17, 17, 300}
			advance(t, d, apart, ids...)
			var rows []Row
			for _, id := range ids {
				rows = append(rows, Row{Sequence: together, ID: id})
			}
			must(t, d.Step(t.Context(), rows...))
			if together.Len() != apart.Len() {
				t.Errorf("%s: %d tokens, want %d", name, together.Len(), apart.Len())
			}
			for range 2 { // right after, and with a token that attends to all of them
				got, want := allLogits(t, d, together), allLogits(t, d, apart)
				if diff := testmodel.Distance(got, want); !(diff < 1e-5) {
					t.Errorf("%s: logits after %d rows are %.1e from those after as many steps", name, len(ids), diff)
				}
				advance(t, d, together, 8)
				advance(t, d, apart, 8)
			}
		}
	})
}

// TestSequencesDoNotMix: sequences of several lengths, with one and several
// rows, computed in one step as each is alone. One leaves and comes back.
func TestSequencesDoNotMix(t *testing.T) {
	testmodel.EachKernel(t, func(t *testing.T, ours bool) {
		for _, name := range []string{"pg1-a", "pg2-b"} {
			d := newDecoder(t, testmodel.OracleParts(t, name), ours, nil)
			var together, alone [3]*Sequence
			for i := range together {
				together[i], alone[i] = asked(t, d, name), asked(t, d, name)
				for n := range 3 * i { // of several lengths
					advance(t, d, together[i], int32(100*i+n))
					advance(t, d, alone[i], int32(100*i+n))
				}
			}
			for round, rows := range [][]struct {
				sequence int
				ids      []int32
			}{
				{{0, []int32{3}}, {1, []int32{4}}, {2, []int32{5}}},
				{{2, []int32{7}}, {0, []int32{6, 9, 10}}},
				{{0, []int32{11}}, {1, []int32{12, 13}}, {2, []int32{14}}},
			} {
				var all []Row
				for _, r := range rows {
					for _, id := range r.ids {
						all = append(all, Row{Sequence: together[r.sequence], ID: id})
					}
					advance(t, d, alone[r.sequence], r.ids...)
				}
				must(t, d.Step(t.Context(), all...))
				for i := range together {
					if diff := testmodel.Distance(allLogits(t, d, together[i]), allLogits(t, d, alone[i])); !(diff < 1e-5) {
						t.Errorf("%s, round %d: logits of sequence %d are %.1e from those of it alone", name, round, i, diff)
					}
				}
			}
		}
	})
}

// TestStepsOutgrowGraphs passes a size class, with two rows on either side of
// it, and asks for more graphs than a decoder keeps.
func TestStepsOutgrowGraphs(t *testing.T) {
	p := testmodel.OracleParts(t, "pg1-a")
	d := newDecoder(t, p, false, nil)
	s, other := newSequence(t, d, 300), newSequence(t, d, 300)
	ids := make([]int32, stepKeys-3)
	for i := range ids {
		ids[i] = int32(i % 50)
	}
	must(t, d.Prefix(t.Context(), s, nil, ids, nil))
	must(t, d.Prefix(t.Context(), other, nil, ids, nil))
	for range 6 {
		advance(t, d, s, 9)
	}
	must(t, d.Step(t.Context(), Row{Sequence: other, ID: 9}, Row{Sequence: other, ID: 9}))
	must(t, d.Step(t.Context(), Row{Sequence: other, ID: 9}, Row{Sequence: other, ID: 9}))
	must(t, d.Step(t.Context(), Row{Sequence: other, ID: 9}, Row{Sequence: other, ID: 9}))
	if diff := testmodel.Distance(allLogits(t, d, other), allLogits(t, d, s)); !(diff < 1e-5) {
		t.Errorf("logits of rows across a size class are %.1e from those of steps", diff)
	}
	for n := range 2 * mostSteps {
		rows := make([]Row, n+1)
		for i := range rows {
			rows[i] = Row{Sequence: s, ID: 1}
		}
		must(t, d.Prefix(t.Context(), s, nil, ids[:9], nil))
		must(t, d.Step(t.Context(), rows...))
	}
	if len(d.steps) != mostSteps {
		t.Errorf("%d graphs of steps are kept, want %d", len(d.steps), mostSteps)
	}
}

// TestStepRefuses: a sequence without room, rows that do not stand side by
// side, an ended context. Nothing changes then.
func TestStepRefuses(t *testing.T) {
	d := newDecoder(t, testmodel.OracleParts(t, "pg1-a"), false, nil)
	s, other := newSequence(t, d, 10), newSequence(t, d, 10)
	must(t, d.Prefix(t.Context(), s, nil, []int32{2, 3, 4, 5, 6, 7, 8, 9}, nil))
	must(t, d.Prefix(t.Context(), other, nil, []int32{2}, nil))
	before := allLogits(t, d, s)
	if err := d.Step(t.Context(), Row{Sequence: s, ID: 1}, Row{Sequence: s, ID: 1}, Row{Sequence: s, ID: 1}); !errors.Is(err, ErrFull) {
		t.Errorf("three rows where two fit: %v", err)
	}
	if err := d.Step(t.Context(), Row{Sequence: s, ID: 1}, Row{Sequence: other, ID: 1}, Row{Sequence: s, ID: 1}); err == nil || !strings.Contains(err.Error(), "side by side") {
		t.Errorf("rows of one sequence around those of another: %v", err)
	}
	if err := d.Step(t.Context(), Row{Sequence: s, ID: int32(d.gemma.Vocab)}); err == nil || !strings.Contains(err.Error(), fmt.Sprint("want a row from 0 to ", d.gemma.Vocab-1)) {
		t.Errorf("an id that does not exist: %v", err)
	}
	if err := newDecoder(t, testmodel.OracleParts(t, "pg1-a"), false, nil).Step(t.Context(), Row{Sequence: s, ID: 1}); err == nil || !strings.Contains(err.Error(), "another decoder") {
		t.Errorf("a sequence of another decoder: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Step(ended, Row{Sequence: s, ID: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	if s.Len() != 8 || testmodel.Farthest(allLogits(t, d, s), before) != 0 {
		t.Errorf("a refused step changed the sequence, which has %d tokens", s.Len())
	}
	if err := d.Prefix(t.Context(), other, nil, make([]int32, 11), nil); !errors.Is(err, ErrFull) || other.Ready() {
		t.Errorf("a prefix that does not fit: %v, ready: %t", err, other.Ready())
	}
}

// after compares what the last of n+1 tokens attends to, when it comes with the
// others in a prefix and when a step computes it after them.
func after(t *testing.T, p *testmodel.Parts) (together, apart *Sequence, taps [2][]float32) {
	t.Helper()
	rec := &testmodel.Recorder{}
	d := newDecoder(t, p, true, rec.Trace)
	ids := testmodel.ReadQuestion(t, "pg1-a").PromptIDs()
	n := len(ids) - 1
	together, apart = newSequence(t, d, 100), newSequence(t, d, 100)
	must(t, d.Prefix(t.Context(), together, nil, ids, nil))
	x := testmodel.Find(t, rec.Take(), "blk.0.attn_out").Values
	taps[0] = x[len(x)-d.gemma.Width:]
	must(t, d.Prefix(t.Context(), apart, nil, ids[:n], nil))
	rec.Take()
	advance(t, d, apart, ids[n])
	taps[1] = testmodel.Find(t, rec.Take(), "blk.0.attn_out").Values
	return together, apart, taps
}

// TestTrapPositionOffByOne: generated tokens go on counting where the prefix
// ends. The first layer's keys depend on token and position alone.
func TestTrapPositionOffByOne(t *testing.T) {
	together, apart, _ := after(t, testmodel.OracleParts(t, "pg1-a"))
	a, b := keysOf(t, together), keysOf(t, apart)
	if d := testmodel.Distance(b, a); !(d < 1e-5) {
		t.Errorf("keys of a generated token are %.1e from those of a prefix", d)
	}
}

// keysOf reads the first layer's keys [e*hk, m].
func keysOf(t *testing.T, s *Sequence) []float32 {
	t.Helper()
	g, err := nn.NewGraph(s.decoder.backend, 16, nil)
	must(t, err)
	defer g.Close()
	c := s.decoder.gemma.Config
	keys := nn.NewWeights(s.cache.Store).Get("cache.0.k", c.KVHeads*c.HeadDim, s.Cap())
	out := g.Cont(keys)
	must(t, g.Compile(out))
	must(t, g.Compute(t.Context()))
	values := make([]float32, out.Len())
	must(t, nn.Get(g, out, values))
	return values[:s.Len()*c.KVHeads*c.HeadDim]
}

// TestTrapMaskOffByOne: a generated token sees all before it and itself, and no
// place beyond. Without queries all keys count the same, whatever their
// position.
func TestTrapMaskOffByOne(t *testing.T) {
	p := testmodel.OracleParts(t, "pg1-a")
	p.Scale(t, "blk.0.attn_q.weight", 0)
	_, _, taps := after(t, p)
	if d := testmodel.Distance(taps[1], taps[0]); !(d < 1e-5) {
		t.Errorf("the mean value that a generated token sees is %.1e from that of a prefix", d)
	}
}
