package decode

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestFaultHurtsNobodyElse computes a token whose embedding is NaN beside another
// sequence's: that one gets its logits, and the first is empty and can begin again.
func TestFaultHurtsNobodyElse(t *testing.T) {
	testmodel.EachKernel(t, func(t *testing.T, ours bool) {
		const bad, good = 1000, 20
		p := testmodel.OracleParts(t, "pg2-a")
		p.Change(t, "token_embd.weight", func(row, column int, v float32) float32 {
			if row == bad && column == 3 {
				return float32(math.NaN())
			}
			return v
		})
		d := newDecoder(t, p, ours, nil)
		before := []grammar.Range{{First: 0, Last: bad}}
		alone := asked(t, d, "pg2-a")
		want := slices.Clone(request(t, d, &Request{Sequence: alone, IDs: []int32{good}, Allowed: before}).Logits)

		a, b := asked(t, d, "pg2-a"), asked(t, d, "pg2-a")
		requests := []*Request{{Sequence: a, IDs: []int32{bad}, Allowed: before}, {Sequence: b, IDs: []int32{good}, Allowed: before}}
		d.Next(t.Context(), requests)
		if err := requests[0].Err; !errors.Is(err, nn.ErrNotFinite) || requests[0].Computed || a.Ready() || a.Len() != 0 {
			t.Errorf("error %v, computed %t, %d tokens", err, requests[0].Computed, a.Len())
		}
		if err := requests[1].Err; err != nil || !requests[1].Computed || !slices.Equal(requests[1].Logits, want) {
			t.Errorf("the other has error %v, or other logits than alone", err)
		}
		q := testmodel.ReadQuestion(t, "pg2-a")
		must(t, d.Prefix(t.Context(), a, slices.Concat(q.Soft...), q.PromptIDs(), nil))
		if got := request(t, d, &Request{Sequence: a, IDs: []int32{good}, Allowed: before}).Logits; !slices.Equal(got, want) {
			t.Error("after the fault the sequence has other logits")
		}
		r := &Request{Sequence: b, Allowed: grammar.All(d.gemma.Vocab)}
		if d.Next(t.Context(), []*Request{r}); !errors.Is(r.Err, nn.ErrNotFinite) {
			t.Errorf("logits of all tokens: error %v", r.Err)
		}
	})
}
