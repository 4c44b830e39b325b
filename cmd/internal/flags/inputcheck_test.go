package flags

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/pgcli/paligemma/batch"
)

// leaver is a source of a thousand names, whose caller leaves at the first.
type leaver struct{ leave func() }

func (l leaver) Items(context.Context) iter.Seq2[batch.Item, error] {
	return func(yield func(batch.Item, error) bool) {
		for n := range 1000 {
			if !yield(batch.Item{}, nil) {
				return
			}
			if n == 0 {
				l.leave()
			}
		}
	}
}

// TestACheckEndsWithItsContext: metadata whose caller leaves while it is checked is not taken
// for good.
func TestACheckEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := named(ctx, leaver{cancel}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
