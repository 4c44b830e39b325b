package schedule

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgcli/paligemma/internal/guard"
)

// TestStepsAreComputedTogether although their callers come back one after the
// other.
func TestStepsAreComputedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, _ := device(Options{})
		for i, name := range []string{"a", "b", "c"} {
			go answer(s, name, 4+i, time.Duration(i)*100*time.Microsecond)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		// Whoever comes first may be computed alone; from then on they wait for each
		// other: 6 steps, or 7.
		got := r.all()
		if len(got) > 7 || !slices.Equal(got[1:4], []string{"step a b c", "step a b c", "step a b c"}) {
			t.Errorf("the device did\n%s", strings.Join(got, "\n"))
		}
	})
}

// TestBusyMemberIsNotWaitedFor longer than a moment.
func TestBusyMemberIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, _ := device(Options{})
		go answer(s, "busy", 3, time.Second)
		start := time.Now()
		answer(s, "a", 20, 0)
		if took := time.Since(start); took > 20*(stepTime+mostGrace)+stepTime {
			t.Errorf("20 steps beside a busy member took %v", took)
		}
		time.Sleep(5 * time.Second)
		if n := len(r.all()); n < 20 || n > 23 {
			t.Errorf("%d steps", n)
		}
	})
}

// TestMost steps are computed together; the others come next.
func TestMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, _ := device(Options{Most: 2})
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			go answer(s, name, 6, 0)
		}
		time.Sleep(time.Minute)
		steps := map[string]int{}
		for _, did := range r.all() {
			members := strings.Fields(did)[1:]
			if len(members) > 2 {
				t.Errorf("%q: more than 2", did)
			}
			for _, m := range members {
				steps[m]++
			}
		}
		for name, n := range steps {
			if n != 6 {
				t.Errorf("%s had %d steps, want 6", name, n)
			}
		}
	})
}

// TestRows: steps of many rows are not computed together, so that who leaves one does not
// wait for all; each gets its turn.
func TestRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, _ := device(Options{Most: 4, Rows: 5})
		names := []string{"a", "b", "c+++", "d+++", "e+++++++"}
		for _, name := range names {
			go answer(s, name, 6, 0)
		}
		time.Sleep(time.Minute)
		steps, together := map[string]int{}, 0
		for _, did := range r.all() {
			members := strings.Fields(did)[1:]
			if rows := len(members) + strings.Count(did, "+"); rows > 5 && len(members) > 1 {
				t.Errorf("%q: %d rows, want at most 5", did, rows)
			}
			together = max(together, len(members))
			for _, m := range members {
				steps[m]++
			}
		}
		for _, name := range names {
			if steps[name] != 6 {
				t.Errorf("%s had %d steps, want 6", name, steps[name])
			}
		}
		if together != 2 {
			t.Errorf("%d steps were computed together, want 2", together)
		}
	})
}

// TestContextOfSteps ends when nobody waits for them any more.
func TestContextOfSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen context.Context
		s := New(Options{}, nil, func(ctx context.Context, steps []string) {
			seen = ctx
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour):
			}
		})
		first, stopFirst := context.WithCancel(t.Context())
		second, stopSecond := context.WithCancel(t.Context())
		hold := make(chan struct{})
		go s.Do(func() { <-hold })
		synctest.Wait()
		go s.Step(first, "a", "a")
		go s.Step(second, "b", "b")
		synctest.Wait()
		close(hold)
		synctest.Wait()
		stopFirst()
		synctest.Wait()
		if seen.Err() != nil {
			t.Error("the steps' context ended with the first caller's")
		}
		stopSecond()
		synctest.Wait()
		if seen.Err() == nil {
			t.Error("the steps' context goes on without callers")
		}
	})
}

// TestPanicIsAnError of the callers whose work panicked. Others go on.
func TestPanicIsAnError(t *testing.T) {
	s := New(Options{}, nil, func(_ context.Context, steps []string) {
		if steps[0] == "bad" {
			panic("broken step")
		}
	})
	if err := s.Step(t.Context(), "a", "bad"); err == nil || !strings.Contains(err.Error(), "broken step") {
		t.Errorf("step: error %v", err)
	}
	err := s.Task(t.Context(), func(context.Context, func() error) error { panic("broken task") })
	var p *guard.PanicError
	if !errors.As(err, &p) || p.Value != "broken task" || !strings.Contains(string(p.Stack), "TestPanicIsAnError") {
		t.Errorf("task: error %v", err)
	} else if text := p.Error(); strings.Contains(text, "\n") || !strings.Contains(text, "TestPanicIsAnError") || !strings.Contains(text, "steps_test.go:") {
		t.Errorf("task: error %q, want one line with the place", text)
	}
	zero := 0
	if err := s.Task(t.Context(), func(context.Context, func() error) error { zero = 1 / zero; return nil }); !errors.As(err, new(runtime.Error)) {
		t.Errorf("a division by zero: error %v", err)
	}
	if err := s.Step(t.Context(), "a", "good"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestUnderTheRaceDetector has many callers of all kinds.
func TestUnderTheRaceDetector(t *testing.T) {
	var inside, steps atomic.Int32
	enter := func() {
		if inside.Add(1) != 1 {
			t.Error("two pieces of work at once")
		}
		inside.Add(-1)
	}
	s := New(Options{Most: 5}, nil, func(_ context.Context, list []int) {
		enter()
		steps.Add(int32(len(list)))
	})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for n := range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+n)%7 == 0 {
					go cancel()
				}
				switch {
				case n%10 == 3:
					s.Task(ctx, func(_ context.Context, pause func() error) error {
						enter()
						return pause()
					})
				case n%10 == 7:
					s.Do(enter)
				default:
					s.Step(ctx, i, i)
				}
				cancel()
			}
			s.Leave(i)
		})
	}
	all.Wait()
	if steps.Load() == 0 {
		t.Error("no steps")
	}
}

// badContext panics when it is asked.
type badContext struct{ context.Context }

func (badContext) Err() error { panic("bad context") }

// TestWorkMayMisbehave: what ends its goroutine, and contexts that are nil or
// panic, harm nobody else.
func TestWorkMayMisbehave(t *testing.T) {
	s := New(Options{}, nil, func(_ context.Context, steps []string) {
		if steps[0] == "exit" {
			runtime.Goexit()
		}
	})
	good := func(when string) {
		if err := s.Step(t.Context(), "a", "good"); err != nil {
			t.Errorf("after %s: %v", when, err)
		}
	}
	if err := s.Step(t.Context(), "a", "exit"); !errors.Is(err, errExit) {
		t.Errorf("a step that exits: error %v", err)
	}
	good("a step that exits")
	if err := s.Do(runtime.Goexit); !errors.Is(err, errExit) {
		t.Errorf("a task that exits: error %v", err)
	}
	good("a task that exits")
	var none context.Context
	if err := s.Step(none, "a", "x"); err == nil {
		t.Error("a nil context is taken")
	}
	good("a nil context")
	func() {
		defer func() { recover() }()
		s.Step(badContext{t.Context()}, "a", "x")
	}()
	good("a context that panics")
}
