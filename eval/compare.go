package eval

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgcli/paligemma"
)

// CompareOptions say how two models are compared. The zero value, and nil, is
// useful.
type CompareOptions struct {
	MaxTokens int         // as in Options
	Failed    func(error) // as in Options
	Progress  func(int)   // as in Options

	// Expected has both models read the first expected answer instead of A's own.
	Expected bool
}

// A Comparison says how far model B is from model A. Both read A's likeliest
// answer (or the expected one) token by token, and predict the token at each
// place, including the end.
type Comparison struct {
	Examples int  `json:"examples"` // in the data set, up to its limit
	Compared int  `json:"compared"`
	Failed   int  `json:"failed"`
	Partial  bool `json:"partial"` // the comparison was stopped before the end

	All   Divergence `json:"all"`   // every place
	Words Divergence `json:"words"` // places of text, and of the end
	Loc   Divergence `json:"loc"`   // places of <loc> tokens
	Seg   Divergence `json:"seg"`   // places of <seg> tokens

	// Same is the share of answers where both models' likeliest tokens are the
	// same at every place.
	Same float64 `json:"same"`

	// Boxes in each model's own answers to detect and segment: their number, the
	// mean IoU over A's boxes, and F1. They are paired as in ObjectReport, with
	// A's boxes as the truth.
	BoxesA int     `json:"boxes_a"`
	BoxesB int     `json:"boxes_b"`
	BoxIoU float64 `json:"box_iou"`
	F1     float64 `json:"f1"`
}

// A Divergence sums up, over a number of places, the Kullback-Leibler divergence
// D(A||B) of B's distribution over all tokens from A's, in nats.
type Divergence struct {
	Places    int     `json:"places"`
	Mean      float64 `json:"mean"`
	Median    float64 `json:"median"`
	P99       float64 `json:"p99"` // the 99th percentile
	Max       float64 `json:"max"`
	Agreement float64 `json:"agreement"` // share of places where B's likeliest token is A's
}

// Compare runs two models over a data set. They must have the same tokens; their
// picture sizes may differ. A nil opts means the defaults. As with Run, when ctx
// ends, or an error ends the comparison, it returns the figures so far together
// with the error. The caller keeps both models, and closes them.
func Compare(ctx context.Context, a, b *paligemma.Model, set *DataSet, opts *CompareOptions) (*Comparison, error) {
	if opts == nil {
		opts = &CompareOptions{}
	}
	o, err := (&Options{MaxTokens: opts.MaxTokens, Failed: opts.Failed, Progress: opts.Progress}).complete()
	if err != nil {
		return nil, err
	}
	if a == nil || b == nil || set == nil {
		return nil, errors.New("eval: a model or the data set is nil")
	}
	if err := sameTokens(a, b); err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	c := &comparer{opts: o, expected: opts.Expected}
	defer c.close()
	for i, m := range []*paligemma.Model{a, b} {
		c.side[i].viewer = viewer{model: m, set: set}
		if c.side[i].session, err = m.NewSession(); err != nil {
			return nil, fmt.Errorf("eval: %w", err)
		}
	}
	failed, err := set.each(ctx, o, func(e *Example) error { return c.ask(ctx, e) })
	report := c.report()
	report.Examples, report.Failed, report.Partial = set.Len(), failed, err != nil
	return report, err
}

// sameTokens returns an error if an id stands for different tokens in a and b.
func sameTokens(a, b *paligemma.Model) error {
	n, m := a.Config().Vocabulary, b.Config().Vocabulary
	if n != m {
		return fmt.Errorf("the models have %d and %d tokens, want two files of one model", n, m)
	}
	for id := range int32(n) {
		if p, q := a.Piece(id), b.Piece(id); p != q {
			return fmt.Errorf("token %d is %q in one model and %q in the other, want two files of one model", id, p, q)
		}
	}
	return nil
}
