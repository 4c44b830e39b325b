package schedule

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/pgcli/paligemma/internal/guard"
)

// mostGrace is how long a step is held back for members that have not come
// back: a caller needs far less, unless it is busy or gone.
const mostGrace = time.Millisecond

// errExit is about work that ended its goroutine.
var errExit = errors.New("runtime.Goexit was called while it was computed")

// work runs what waits, until nothing is left. If work ends the goroutine, another
// goes on.
func (s *Scheduler[R]) work() {
	idle := false
	defer func() {
		if !idle {
			go s.work()
		}
	}()
	for {
		switch urgent, task, steps := s.next(); {
		case urgent != nil:
			s.run(urgent)
		case task != nil:
			s.pause()
			s.run(task)
		case steps != nil:
			s.together(steps)
		default:
			idle = true
			return
		}
	}
}

// next takes the work that comes next: one of its results is not nil, unless
// nothing waits. Then the goroutine has to end.
func (s *Scheduler[R]) next() (urgent, task *call[R], steps []*call[R]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	timeout := time.NewTimer(min(s.last/4, mostGrace))
	defer timeout.Stop()
	for {
		switch {
		case len(s.urgent) > 0:
			return pop(&s.urgent), nil, nil
		case len(s.tasks) > 0:
			return nil, pop(&s.tasks), nil
		case len(s.expected) > 0: // and then a step, or the end
		case len(s.steps) > 0:
			return nil, nil, s.takeSteps()
		default:
			s.running = false
			return nil, nil, nil
		}
		s.mu.Unlock()
		select {
		case <-s.wake:
			s.mu.Lock()
		case <-timeout.C:
			s.mu.Lock()
			clear(s.expected)
		}
	}
}

func pop[R any](queue *[]*call[R]) *call[R] {
	first := (*queue)[0]
	*queue = (*queue)[1:]
	return first
}

// takeSteps takes the first step, and as many of the others as are computed together
// with it. The caller holds the lock.
func (s *Scheduler[R]) takeSteps() (taken []*call[R]) {
	var others []*call[R]
	rows := 0
	for _, c := range s.steps {
		n := s.rows(c.step)
		full := s.Most > 0 && len(taken) == s.Most || s.Rows > 0 && rows+n > s.Rows
		if full && len(taken) > 0 {
			others = append(others, c)
			continue
		}
		taken, rows = append(taken, c), rows+n
	}
	s.steps = others
	return taken
}

// pause does what may be done between two parts of a task.
func (s *Scheduler[R]) pause() {
	var urgent, steps []*call[R]
	s.mu.Lock()
	urgent, s.urgent = s.urgent, nil
	if len(s.steps) > 0 {
		if waited := time.Since(s.steps[0].arrived); waited >= s.Patience || waited+s.longest > 2*s.Patience {
			steps = s.takeSteps()
		}
	}
	s.mu.Unlock()
	for _, c := range urgent {
		s.run(c)
	}
	if steps != nil {
		s.together(steps)
	}
}

// run runs a task or urgent work.
func (s *Scheduler[R]) run(c *call[R]) {
	defer close(c.done)
	c.err = errExit
	c.err = guard.Run(func() error {
		if c.ctx.Err() != nil { // it ended while other work ran
			return ended(c.ctx)
		}
		begun := time.Now()
		defer func() { s.part(time.Since(begun)) }()
		return c.task(c.ctx, func() error {
			s.part(time.Since(begun))
			s.pause()
			begun = time.Now()
			if c.ctx.Err() != nil {
				return ended(c.ctx)
			}
			return nil
		})
	})
}

// fading is how much shorter the longest part becomes with each that is shorter. A
// picture has some 30 parts, a prompt about as many longer ones: what one showed is
// still known when the next comes, and one slow moment is forgotten in the end.
const fading = 256

// part notes how long a part of a task took.
func (s *Scheduler[R]) part(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest = max(took, s.longest-s.longest/fading)
}

// together computes steps.
func (s *Scheduler[R]) together(calls []*call[R]) {
	steps := make([]R, len(calls))
	for i, c := range calls {
		steps[i] = c.step
	}
	ctx, stop := common(calls)
	start, err := time.Now(), errExit
	defer func() {
		stop()
		s.mu.Lock()
		s.last = time.Since(start)
		clear(s.expected)
		for _, c := range calls {
			s.expected[c.member] = true
		}
		s.mu.Unlock()
		for _, c := range calls {
			c.err = err
			close(c.done)
		}
	}()
	err = guard.Run(func() error {
		s.compute(ctx, steps)
		return nil
	})
}

// common returns a context that ends when those of all calls have ended.
func common[R any](calls []*call[R]) (context.Context, func()) {
	if len(calls) == 1 {
		return calls[0].ctx, func() {}
	}
	for _, c := range calls {
		if c.ctx.Done() == nil {
			return context.Background(), func() {}
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	var left atomic.Int64
	left.Store(int64(len(calls)))
	var stops []func() bool
	for _, c := range calls {
		stops = append(stops, context.AfterFunc(c.ctx, func() {
			if left.Add(-1) == 0 {
				cancel(context.Cause(c.ctx))
			}
		}))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}
