package decode

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/sample"
)

// A Request is what one sequence needs next: known tokens to be computed, and
// what then follows from its last token.
type Request struct {
	Sequence *Sequence
	IDs      []int32 // to compute after the last token, in one graph; may be none

	// Sampler chooses a token among the allowed ids; nil allows all. A nil Sampler
	// asks for the logits of the allowed ids instead, and nothing if Allowed is empty.
	Sampler *sample.Sampler
	Allowed []grammar.Range
	Number  int // of the token in its answer

	// Each, if not nil, receives the logits of all tokens before each of IDs and
	// after the last. They are valid during the call.
	Each func(i int, logits []float32)

	// Branches are texts to score, each as what may follow the last token, side by
	// side. They leave nothing in the sequence.
	Branches [][]int32

	Computed bool        // the sequence has IDs
	LogProbs [][]float32 // of the branches' tokens, natural logarithms, by the softmax over all tokens
	Choice   Choice      // the token that was chosen
	Logits   []float32   // in the order of Allowed, valid until the sequence's next request
	Err      error
}

// A Choice is a token that was chosen.
type Choice struct {
	ID      int32
	LogProb float32 // natural logarithm, by the softmax over the tokens that were allowed
	Spread  float32 // mean distance of an id of Options.Locs from those drawn by the same softmax; 0 for others
}

// Next serves requests of several sequences, one of each: their tokens are
// computed in one step, their logits by as few heads as possible. It leaves
// results and errors in the requests.
func (d *Decoder) Next(ctx context.Context, requests []*Request) {
	requests = slices.Clone(requests)
	slices.SortFunc(requests, func(a, b *Request) int { return cmp.Compare(a.Sequence.number, b.Sequence.number) })
	var rows []Row
	var waiting []*Request // those with rows
	before := map[*Request][]float32{}
	for _, r := range requests {
		before[r] = r.Sequence.hidden
		switch {
		case r.Sequence.decoder != d:
			r.Err = errors.New("the sequence belongs to another decoder")
		case !r.Sequence.Ready():
			r.Err = errors.New("no prefix that succeeded")
		case r.Sequence.length+len(r.IDs) > r.Sequence.Cap():
			r.Err = ErrFull
		case len(r.IDs) == 0:
			r.Computed = true
		default:
			rows = append(rows, r.rows()...)
			waiting = append(waiting, r)
		}
	}
	if len(rows) > 0 {
		err := d.Step(ctx, rows...)
		for _, r := range waiting {
			r.Err = err
		}
		if errors.Is(err, nn.ErrNotFinite) && len(waiting) > 1 { // which of them?
			for _, r := range waiting {
				r.Err = d.Step(ctx, r.rows()...)
			}
		}
		for _, r := range waiting {
			r.Computed = r.Err == nil
		}
	}
	d.choose(ctx, requests)
	for _, r := range requests {
		if r.Err == nil && r.Each != nil {
			r.Err = d.predict(ctx, append([][]float32{before[r]}, r.Sequence.rows[:len(r.IDs)]...), r.Each)
		}
		if r.Err == nil && len(r.Branches) > 0 {
			r.LogProbs, r.Err = d.score(ctx, r.Sequence, r.Branches)
		}
	}
}

// Rows returns how many rows of tokens the request has computed, at least 1.
func (r *Request) Rows() int {
	n := len(r.IDs)
	for _, b := range r.Branches {
		n += len(b)
	}
	return max(n, 1)
}

// rows returns the rows of a request's tokens.
func (r *Request) rows() (rows []Row) {
	for _, id := range r.IDs {
		rows = append(rows, Row{Sequence: r.Sequence, ID: id})
	}
	return rows
}

// fail gives requests an error.
func fail(requests []*Request, err error) {
	for _, r := range requests {
		r.Err = err
	}
}
