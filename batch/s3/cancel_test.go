package s3

import (
	"context"
	"errors"
	"testing"
)

// TestAListingEndsWithItsContext with an error: a part of a bucket is not the whole.
func TestAListingEndsWithItsContext(t *testing.T) {
	o := serve(t, &bucket{objects: map[string]string{"a.jpg": "A", "b.jpg": "B", "c.jpg": "C"}})
	for read := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		var last error
		if n == read {
			cancel()
		}
		for _, err := range o.Items(ctx) {
			if last = err; err == nil {
				n++
			}
			if n == read {
				cancel()
			}
		}
		if n != read || !errors.Is(last, context.Canceled) {
			t.Errorf("%d pictures, then error %v, want %d, then %v", n, last, read, context.Canceled)
		}
	}
}
