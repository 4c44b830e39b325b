package convert

import (
	"context"

	"github.com/pgcli/paligemma/internal/guard"
)

// orLeave returns what f makes, or the cause of ctx once that is over. Then it leaves f
// behind, to end by itself: f cannot look at a context, as making a tokenizer cannot, and
// takes seconds at most.
func orLeave[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var zero T
	if err := context.Cause(ctx); err != nil {
		return zero, err
	}
	made := make(chan result, 1)
	go func() {
		var r result
		r.err = guard.Run(func() (err error) {
			r.value, err = f()
			return err
		})
		made <- r
	}()
	select {
	case r := <-made:
		return r.value, r.err
	case <-ctx.Done():
		return zero, context.Cause(ctx)
	}
}
