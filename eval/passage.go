package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/metrics"
)

// A passage is some tokens of an answer, with A's logits before each.
type passage struct {
	ids    []int32
	logits [][]float32
	end    bool // of the answer
}

// add appends a token and a copy of the logits before it.
func (p *passage) add(id int32, logits []float32) error {
	p.ids, p.logits = append(p.ids, id), append(p.logits, slices.Clone(logits))
	return finite('A', logits)
}

// passageTokens is how many tokens of an answer the models read at a time.
const passageTokens = 16

// own has A go on with its own answer, by up to most tokens.
func (c *comparer) own(ctx context.Context, most int) (p passage, err error) {
	a := c.side[0]
	for len(p.ids) < passageTokens && !p.end {
		logits, err := a.session.Logits(ctx)
		if err != nil {
			return p, err
		}
		id := int32(metrics.Argmax(logits))
		if err := p.add(id, logits); err != nil {
			return p, err
		}
		if p.end = id == a.model.EOS() || len(p.ids) == most; p.end {
			break
		}
		err = a.session.Append(ctx, id)
		if errors.Is(err, paligemma.ErrContextFull) {
			p.end, err = true, nil
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

// given returns a function that has A read given tokens, some at a time.
func (c *comparer) given(ids []int32) func(ctx context.Context, most int) (passage, error) {
	return func(ctx context.Context, most int) (p passage, err error) {
		some := ids[:min(passageTokens, most, len(ids))]
		var failed error
		err = c.side[0].session.Read(ctx, some, func(i int, logits []float32) {
			if failed == nil {
				failed = p.add(some[i], logits)
			}
		})
		ids = ids[len(some):]
		p.end = len(ids) == 0 || len(some) == most
		return p, errors.Join(err, failed)
	}
}

// finite reports the first logit of a model that is not a number.
func finite(model rune, logits []float32) error {
	for id, v := range logits {
		if v-v != 0 { // true only for NaN and infinities
			return fmt.Errorf("model %c: logit of token %d is %v", model, id, v)
		}
	}
	return nil
}
