package decode

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestHeadRows: ranges are whole in one run each, long ones aligned, close ones
// together, and too many are all.
func TestHeadRows(t *testing.T) {
	var many, wide []grammar.Range
	for i := range int32(300) {
		many = append(many, grammar.Range{First: i * 100, Last: i*100 + 1})
		wide = append(wide, grammar.Range{First: i * 100, Last: i*100 + 90}) // widened, they touch
	}
	const all = 257152
	for _, test := range []struct {
		allowed []grammar.Range
		want    []gemma.Rows
	}{
		{testmodel.Ranges(7, 8), []gemma.Rows{{First: 7, Len: 1}}},
		{testmodel.Ranges(256000, 257023), []gemma.Rows{{First: 256000, Len: 1024}}},
		{testmodel.Ranges(256300, 257024), []gemma.Rows{{First: 256256, Len: 768}}},
		{testmodel.Ranges(256900, 257024), []gemma.Rows{{First: 256768, Len: 256}}},
		{testmodel.Ranges(257010, 257024), []gemma.Rows{{First: 257010, Len: 14}}},
		{testmodel.Ranges(257024, all), []gemma.Rows{{First: 257024, Len: 128}}},
		{testmodel.Ranges(1, 2, 256000, 257023), []gemma.Rows{{First: 1, Len: 1}, {First: 256000, Len: 1024}}},
		{testmodel.Ranges(1, 2, 18, 19, 36, 37), []gemma.Rows{{First: 1, Len: 18}, {First: 36, Len: 1}}},
		{testmodel.Ranges(250, 251, 260, 700, 705, 710), []gemma.Rows{{First: 250, Len: 518}}},
		{testmodel.Ranges(200, 201, 300, 700), []gemma.Rows{{First: 200, Len: 1}, {First: 256, Len: 512}}},
		{testmodel.Ranges(250, 400, 410, 420, 510, 511, 530, 531), []gemma.Rows{{First: 0, Len: 512}, {First: 530, Len: 1}}},
		{testmodel.Ranges(0, all), []gemma.Rows{{First: 0, Len: all}}},
		{many, []gemma.Rows{{First: 0, Len: all}}},
		{wide, []gemma.Rows{{First: 0, Len: 30208}}},
	} {
		if got := headRows(test.allowed, all, false); !slices.Equal(got, test.want) {
			t.Errorf("%v gives rows %v, want %v", test.allowed, got, test.want)
		}
		aligned := headRows(test.allowed, all, true)
		for _, r := range test.allowed {
			if !slices.ContainsFunc(aligned, func(a gemma.Rows) bool { return a.First <= int(r.First) && int(r.Last) <= a.First+a.Len }) {
				t.Errorf("%v gives aligned rows %v, without %v", test.allowed, aligned, r)
			}
		}
		for _, a := range aligned {
			if a.First%headAlign != 0 || a.First+a.Len > all {
				t.Errorf("%v gives aligned rows %v", test.allowed, aligned)
			}
		}
	}
}

// TestHeadOfRangesIsTheHead compares heads of random ranges with the head of
// all tokens, for each type of the embedding: the logits are equal, to the bit.
func TestHeadOfRangesIsTheHead(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	testmodel.EachKernel(t, func(t *testing.T, ours bool) {
		for _, name := range []string{"pg1-a", "pg2-b"} { // the second has a softcap
			for _, typ := range []string{"f32", "f16", "bf16", "q8_0", "q4_0"} {
				p := testmodel.TakeApart(t, testmodel.Read(t, testmodel.Convert(t, name, convert.Options{Type: typ})))
				d := newDecoder(t, p, ours, nil)
				s := asked(t, d, name)
				all := allLogits(t, d, s)
				for range 60 { // more heads than a decoder keeps
					allowed := randomRanges(r, d.gemma.Vocab)
					got := logitsOf(t, d, s, allowed)
					for i, id := range grammar.IDs(allowed) {
						if len(got) > 1 && got[i] != all[id] {
							t.Fatalf("%s %s: %v: logit of token %d is %v, want %v", name, typ, allowed, id, got[i], all[id])
						}
					}
				}
				if len(d.heads) > mostHeads {
					t.Errorf("%d heads are kept, want at most %d", len(d.heads), mostHeads)
				}
			}
		}
	})
}

// randomRanges returns up to 9 ranges, short and long.
func randomRanges(r *rand.Rand, vocabulary int) (all []grammar.Range) {
	for at := r.IntN(vocabulary / 2); len(all) < 9; {
		first := at + r.IntN(40)
		last := first + 1 + r.IntN([]int{1, 30, 700}[r.IntN(3)])
		if last > vocabulary {
			break
		}
		all = append(all, grammar.Range{First: int32(first), Last: int32(last)})
		at = last + 1
	}
	if len(all) == 0 {
		all = testmodel.Ranges(3, int32(vocabulary))
	}
	return all
}
