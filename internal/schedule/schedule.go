// Package schedule shares one device among the answers of a model.
//
// There are two kinds of work. A step is short, and steps that wait at the same
// time are computed together. A task is long, such as a picture or a prompt: tasks
// are computed one at a time, in the order of their arrival, and pause often.
// In a pause the steps that wait are computed, once: so neither kind waits long
// for the other.
//
// The package knows nothing of models: work is functions and values of type R.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Options say how a Scheduler shares the device. The zero value is useful.
type Options struct {
	// Most is how many steps are computed together; 0 for no limit.
	Most int

	// Rows bounds the rows of steps that are computed together, 0 for no limit: who
	// leaves waits until all are computed. A step that has more is computed alone.
	Rows int

	// Patience is how long a step waits for tasks. A task that pauses computes the
	// steps that wait if the first of them has waited as long, or would wait twice as
	// long if the next part took as long as the longest of late: with longer patience
	// more steps are computed together, and each of them later.
	Patience time.Duration
}

// A Scheduler runs the work of one device, one piece at a time. It is safe for
// concurrent use. Its goroutine exists only while there is work.
type Scheduler[R any] struct {
	Options
	rows    func(R) int
	compute func(context.Context, []R)

	mu       sync.Mutex
	running  bool          // the goroutine exists
	urgent   []*call[R]    // that wait, in the order of arrival
	steps    []*call[R]    // that wait, in the order of arrival
	tasks    []*call[R]    // that wait, in the order of arrival
	expected map[any]bool  // members of the last steps that have neither called again nor left
	last     time.Duration // that the last steps took
	longest  time.Duration // that a part of a task took of late
	wake     chan struct{} // receives after each change of the above
}

// A call is work that its caller waits for.
type call[R any] struct {
	ctx     context.Context
	member  any // who calls, of steps
	step    R
	task    func(ctx context.Context, pause func() error) error
	arrived time.Time
	done    chan struct{} // closed at its end
	err     error
}

// New returns a Scheduler. rows says how much work a step is; nil counts each as one row.
// compute computes steps together and leaves its results and errors in them. Its context
// ends when the contexts of all of them have ended.
func New[R any](o Options, rows func(R) int, compute func(context.Context, []R)) *Scheduler[R] {
	if rows == nil {
		rows = func(R) int { return 1 }
	}
	return &Scheduler[R]{Options: o, rows: rows, compute: compute, expected: map[any]bool{}, wake: make(chan struct{}, 1)}
}

// Step computes a step of a member, an answer, together with the steps of
// others, and returns at its end. Steps of one member come one after the other:
// the next step of all is held back for a moment until each member has come back.
// If ctx ends before the step begins, Step returns the cause.
func (s *Scheduler[R]) Step(ctx context.Context, member any, step R) error {
	return s.wait(&s.steps, &call[R]{ctx: ctx, member: member, step: step})
}

// Leave says that a member will not call Step soon.
func (s *Scheduler[R]) Leave(member any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came(member)
}

// Task runs a task, which calls pause where others may be computed, and returns
// its error. If ctx ends before the task begins, Task returns the cause.
func (s *Scheduler[R]) Task(ctx context.Context, task func(ctx context.Context, pause func() error) error) error {
	return s.wait(&s.tasks, &call[R]{ctx: ctx, task: task})
}

// Do runs f while no other work runs, in the next pause at the latest.
func (s *Scheduler[R]) Do(f func()) error {
	return s.wait(&s.urgent, &call[R]{ctx: context.Background(), task: func(context.Context, func() error) error {
		f()
		return nil
	}})
}

// wait puts a call into a queue and waits for its end, or until its context
// ends while it is still there.
func (s *Scheduler[R]) wait(queue *[]*call[R], c *call[R]) error {
	if c.ctx == nil {
		return errors.New("the context is nil")
	}
	over := c.ctx.Err() != nil // asked without the lock: contexts may be anybody's
	c.done, c.arrived = make(chan struct{}), time.Now()
	s.mu.Lock()
	if over {
		s.came(c.member)
		s.mu.Unlock()
		return ended(c.ctx)
	}
	*queue = append(*queue, c)
	s.came(c.member)
	if !s.running {
		s.running = true
		go s.work()
	}
	s.mu.Unlock()
	select {
	case <-c.done:
		return c.err
	case <-c.ctx.Done():
	}
	s.mu.Lock()
	i := slices.Index(*queue, c)
	if i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
	}
	s.mu.Unlock()
	if i >= 0 {
		return ended(c.ctx)
	}
	<-c.done // it has begun: its own error says what became of it
	return c.err
}

// came notes that a member is not waited for any more, and wakes the goroutine.
// The caller holds the lock.
func (s *Scheduler[R]) came(member any) {
	delete(s.expected, member)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// ended is the error of work whose context ended before it began.
func ended(ctx context.Context) error {
	return fmt.Errorf("waiting for the device: %w", context.Cause(ctx))
}
