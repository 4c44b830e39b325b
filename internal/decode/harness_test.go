package decode

import (
	"slices"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/sample"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// newDecoder makes a decoder of parts, with caches in float32. The test closes
// it.
func newDecoder(t *testing.T, p *testmodel.Parts, ours bool, trace nn.TraceFunc) *Decoder {
	t.Helper()
	b, g := p.Decoder(t, ours)
	d := New(b, g, Options{Batch: 512, CacheType: gguf.F32, Trace: trace})
	t.Cleanup(d.Close)
	return d
}

// newSequence makes a sequence that the test closes.
func newSequence(t *testing.T, d *Decoder, size int) *Sequence {
	t.Helper()
	s, err := d.NewSequence(size)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// asked returns a sequence that begins with a checkpoint's question.
func asked(t *testing.T, d *Decoder, name string) *Sequence {
	t.Helper()
	q := testmodel.ReadQuestion(t, name)
	s := newSequence(t, d, 400)
	must(t, d.Prefix(t.Context(), s, slices.Concat(q.Soft...), q.PromptIDs(), nil))
	return s
}

// allLogits returns a copy of the logits of all tokens.
func allLogits(t *testing.T, d *Decoder, s *Sequence) []float32 {
	t.Helper()
	return logitsOf(t, d, s, grammar.All(d.gemma.Vocab))
}

// logitsOf returns a copy of the logits of allowed tokens.
func logitsOf(t *testing.T, d *Decoder, s *Sequence, allowed []grammar.Range) []float32 {
	t.Helper()
	return slices.Clone(request(t, d, &Request{Sequence: s, Allowed: allowed}).Logits)
}

// request serves one request.
func request(t *testing.T, d *Decoder, r *Request) *Request {
	t.Helper()
	d.Next(t.Context(), []*Request{r})
	must(t, r.Err)
	return r
}

// advance computes tokens of one sequence, one at a time.
func advance(t *testing.T, d *Decoder, s *Sequence, ids ...int32) {
	t.Helper()
	for _, id := range ids {
		must(t, d.Step(t.Context(), Row{Sequence: s, ID: id}))
	}
}

// runs makes runs of maximum, argmax, sum, maximum…
func runs(values ...float32) (all []nn.Run) {
	for v := range slices.Chunk(values, 3) {
		all = append(all, nn.Run{Max: v[0], Argmax: int(v[1]), SumExp: v[2]})
	}
	return all
}

// greedy takes the likeliest token.
var greedy = sample.New(sample.Options{})

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
