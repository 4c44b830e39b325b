// Package testcontext is for tests: it has contexts that end when they were asked so often, so
// that tests of what ends with its context do not depend on time.
package testcontext

import (
	"context"
	"sync/atomic"
)

// A Countdown is a context that ends with context.Canceled when it was asked so many times.
type Countdown struct {
	context.Context
	left atomic.Int64
}

// Ending returns a child of ctx that ends after n looks at it; 0 is over already.
func Ending(ctx context.Context, n int64) *Countdown {
	c := &Countdown{Context: ctx}
	c.left.Store(n)
	return c
}

// Err counts a look.
func (c *Countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Left returns how many looks are left; below 0 are those after the end.
func (c *Countdown) Left() int64 { return c.left.Load() }
