package guard

import "context"

// Leave returns what f makes, or the cause of ctx once that is over. Then it leaves f
// behind, to end by itself: f cannot look at a context, as making a tokenizer cannot, and
// takes seconds at most. A panic of f is a [PanicError].
func Leave[T any](ctx context.Context, f func() (T, error)) (T, error) {
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
		r.err = Run(func() (err error) {
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
