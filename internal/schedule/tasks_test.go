package schedule

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTasksAndStepsTakeTurns: tasks are computed in order; a step waits for one
// part of a task at most, a part for one step.
func TestTasksAndStepsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, task := device(Options{})
		for _, name := range []string{"p", "q"} {
			go task(context.Background(), name, 5)
			time.Sleep(time.Millisecond)
		}
		for range 30 {
			start := time.Now()
			answer(s, "a", 1, 0)
			if took := time.Since(start); took > partTime+2*stepTime {
				t.Errorf("a step took %v, want at most %v", took, partTime+2*stepTime)
			}
		}
		all := r.all()
		for i, name := range []string{"p", "p", "p", "p", "p", "q", "q", "q", "q", "q"} {
			if all[2*i] != "part "+name || all[2*i+1] != "step a" {
				t.Fatalf("the device did\n%s", strings.Join(all, "\n"))
			}
		}
	})
}

// TestPatience lets a task go on for as long.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, task := device(Options{Patience: 2*partTime + 1})
		go task(context.Background(), "p", 6)
		time.Sleep(time.Millisecond)
		answer(s, "a", 2, 0)
		time.Sleep(time.Second)
		want := "part p,part p,part p,step a,part p,part p,part p,step a"
		if got := strings.Join(r.all(), ","); got != want {
			t.Errorf("the device did %s, want %s", got, want)
		}
	})
}

// TestLongPartsAreForeseen: a step that has waited for a few short parts does not
// wait for a long one, too, once there was one as long.
func TestLongPartsAreForeseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience, short, long = 50 * time.Millisecond, 20 * time.Millisecond, 90 * time.Millisecond
		s, _, _ := device(Options{Patience: patience})
		requests := func(n int) { // a picture's parts, then a prompt's
			for range n {
				s.Task(context.Background(), func(_ context.Context, pause func() error) error {
					for _, part := range []time.Duration{short, short, short, short, long, long} {
						time.Sleep(part)
						if err := pause(); err != nil {
							return err
						}
					}
					return nil
				})
			}
		}
		requests(1)
		var others sync.WaitGroup
		others.Go(func() { requests(60) })
		defer others.Wait()
		for i := range 150 {
			time.Sleep(time.Duration(i%40) * time.Millisecond)
			start := time.Now()
			answer(s, "a", 1, 0)
			if waited := time.Since(start) - stepTime; waited > 2*patience+long/8 { // an eighth may have faded
				t.Errorf("a step waited %v, want at most twice the patience of %v", waited, patience)
			}
		}
	})
}

// TestEndOfAContext takes waiting work back, and stops a task at its next pause.
func TestEndOfAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, task := device(Options{})
		running, stop := context.WithCancel(t.Context())
		waiting, stopWaiting := context.WithCancelCause(t.Context())
		errs := make(chan error, 3)
		go func() { errs <- task(running, "p", 5) }()
		time.Sleep(time.Millisecond)
		go func() { errs <- task(waiting, "q", 5) }()
		go func() { errs <- s.Step(waiting, "a", "a") }()
		time.Sleep(time.Millisecond)
		cause := errors.New("no more")
		stopWaiting(cause)
		for range 2 {
			if err := <-errs; !errors.Is(err, cause) {
				t.Errorf("work that waited: error %v, want the cause", err)
			}
		}
		stop()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("a task that ran: error %v", err)
		}
		if got := strings.Join(r.all(), ","); got != "part p" {
			t.Errorf("the device did %s", got)
		}
		if err := s.Step(waiting, "a", "a"); !errors.Is(err, cause) {
			t.Errorf("a step of an ended context: error %v", err)
		}
	})
}

// TestDoRunsInAPause and before steps that wait.
func TestDoRunsInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, task := device(Options{})
		go task(context.Background(), "p", 3)
		time.Sleep(time.Millisecond)
		go answer(s, "a", 1, 0)
		time.Sleep(time.Millisecond)
		s.Do(func() { r.add("do") })
		time.Sleep(time.Second)
		if got := strings.Join(r.all(), ","); got != "part p,do,step a,part p,part p" {
			t.Errorf("the device did %s", got)
		}
	})
}
