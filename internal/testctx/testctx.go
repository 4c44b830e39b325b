// Package testctx has contexts for tests of what ends with its context. No clock decides
// when they end.
package testctx

import (
	"context"
	"sync/atomic"
)

// A Countdown is a context that is over when its Err was asked a number of times. Its Done
// is that of the context it was made of.
type Countdown struct {
	context.Context
	left atomic.Int64
}

// New returns a context that is in time for a number of questions.
func New(parent context.Context, questions int64) *Countdown {
	c := &Countdown{Context: parent}
	c.left.Store(questions)
	return c
}

// Err is [context.Canceled] once the questions are used up.
func (c *Countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Late returns how often Err was asked after the context was over, the first time
// included.
func (c *Countdown) Late() int64 { return max(0, -c.left.Load()) }

// Left returns how many questions are left.
func (c *Countdown) Left() int64 { return max(0, c.left.Load()) }
