package gemma_test

import (
	"slices"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// A setup says how ask computes; the zero value takes our kernels where there
// are any, one batch and a cache in float32.
type setup struct {
	ggml  bool // ggml's kernels
	batch int
	half  bool // a cache in float16
}

// ask computes the question's prefix with the decoder of the parts, and returns
// what is traced and the logits of the next token.
func ask(t *testing.T, p *testmodel.Parts, q testmodel.Question, s setup) (taps []testmodel.Tap, logits []float32) {
	t.Helper()
	rec := &testmodel.Recorder{}
	o := decode.Options{Batch: 1 << 20, CacheType: gguf.F32, Trace: rec.Trace}
	if s.batch > 0 {
		o.Batch = s.batch
	}
	if s.half {
		o.CacheType = gguf.F16
	}
	b, gemma := p.Decoder(t, !s.ggml)
	d := decode.New(b, gemma, o)
	defer d.Close()
	soft, ids := slices.Concat(q.Soft...), q.PromptIDs()
	sequence, err := d.NewSequence(len(soft)/gemma.Width + len(ids) + 1)
	must(t, err)
	defer sequence.Close()
	must(t, d.Prefix(t.Context(), sequence, soft, ids, nil))
	r := &decode.Request{Sequence: sequence, Allowed: grammar.All(gemma.Vocab)}
	d.Next(t.Context(), []*decode.Request{r})
	must(t, r.Err)
	return rec.Take(), slices.Clone(r.Logits)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
