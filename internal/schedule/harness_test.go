package schedule

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	stepTime = 30 * time.Millisecond
	partTime = 50 * time.Millisecond
)

// A record is what a device did: "step a b" or "part p".
type record struct {
	mu   sync.Mutex
	list []string
}

func (r *record) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, fmt.Sprintf(format, args...))
}

// all returns what the device did.
func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// device returns a scheduler of a device that computes steps, named by strings,
// in stepTime, and a function that computes a task of some parts. A step has a row more for
// each + in its name.
func device(o Options) (s *Scheduler[string], r *record, task func(ctx context.Context, name string, parts int) error) {
	r = &record{}
	var busy atomic.Int32
	work := func(d time.Duration) {
		if busy.Add(1) != 1 {
			panic("two pieces of work at once")
		}
		time.Sleep(d)
		busy.Add(-1)
	}
	s = New(o, func(step string) int { return 1 + strings.Count(step, "+") }, func(_ context.Context, steps []string) {
		work(stepTime)
		r.add("step %s", strings.Join(slices.Sorted(slices.Values(steps)), " "))
	})
	return s, r, func(ctx context.Context, name string, parts int) error {
		return s.Task(ctx, func(ctx context.Context, pause func() error) error {
			for i := range parts {
				if i > 0 {
					if err := pause(); err != nil {
						return err
					}
				}
				work(partTime)
				r.add("part %s", name)
			}
			return nil
		})
	}
}

// answer computes n steps of a member, with some time of its own between them.
func answer(s *Scheduler[string], name string, n int, between time.Duration) {
	for range n {
		if err := s.Step(context.Background(), name, name); err != nil {
			panic(err)
		}
		time.Sleep(between)
	}
	s.Leave(name)
}
