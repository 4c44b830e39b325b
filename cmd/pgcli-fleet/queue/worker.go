package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pgcli/paligemma/batch"
)

// A Worker asks about pictures of a queue.
type Worker struct {
	Queue *Queue
	Asker *batch.Asker
	Root  *os.Root // the folder of pictures; names lead nowhere else

	Drain     time.Duration // how long pictures that have begun may take when the worker is to end
	RetryWait time.Duration // before a second attempt; twice as long before the third
	UntilDone bool          // end when the queue is empty
	Logger    *slog.Logger
	Metrics   *Metrics

	// Member reads a member of a file of Root with many pictures, which lies at path.
	Member func(ctx context.Context, in *os.File, path, member string, at batch.Reference) ([]byte, error)

	// Object reads an object of a bucket, by its name s3://bucket/key; nil if the worker reads none.
	Object func(ctx context.Context, name string) ([]byte, error)

	Reading func(name string) // called before a picture is opened; for tests, may be nil

	job    Job
	rootAt string // absolute path of Root

	// alone is held by all pictures that are computed; by one alone if a worker ended
	// while it was computed before. If it ends its worker again, no other is blamed.
	alone    sync.RWMutex
	unread   atomic.Int32 // pictures in a row that could not be read
	consumer jetstream.Consumer
	ackWait  time.Duration
}

// Run asks until the context ends, and then lets pictures that have begun end within
// Drain; what does not is left to other workers, as it was. The error is about a model
// that cannot go on, or a queue that has another job now. While the server is away it
// waits.
func (w *Worker) Run(ctx context.Context) (err error) {
	if w.job, err = w.Queue.Job(ctx); err != nil {
		return err
	}
	if w.consumer, err = w.Queue.work.Consumer(ctx, consumerName); err != nil {
		return w.Queue.explain("consumer of work", err)
	}
	w.ackWait = w.consumer.CachedInfo().Config.AckWait
	if w.rootAt, err = absolute(w.Root.Name()); err != nil {
		return err
	}
	pull, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	drained := context.AfterFunc(pull, func() {
		timer := time.AfterFunc(w.Drain, func() { cut(errDrained) })
		context.AfterFunc(work, func() { timer.Stop() })
	})
	defer drained()
	errs := make(chan error, w.Asker.Parallel())
	for range cap(errs) {
		go func() {
			err := w.slot(pull, work)
			if err != nil {
				stop(err) // the others end their pictures
			}
			errs <- err
		}()
	}
	var all []error
	for range cap(errs) {
		all = append(all, <-errs)
	}
	return first(all)
}

var errDrained = errors.New("the time for pictures that had begun is over")

// first returns the first error that is not nil.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// slot asks about one picture after the other. It takes each when it is free, and none
// ahead: a picture that waits in a worker would not be asked about by another.
func (w *Worker) slot(pull, work context.Context) error {
	away := pause{least: 100 * time.Millisecond, most: 5 * time.Second}
	for pull.Err() == nil {
		w.slowDown(pull)
		m, err := w.next(pull)
		switch {
		case pull.Err() != nil:
			if m != nil {
				w.log(m.Nak())
			}
			return nil
		case errors.Is(err, nats.ErrTimeout), err == nil && m == nil:
			if done, err := w.done(pull); w.UntilDone && done && err == nil {
				return nil
			}
			away.n = 0
			continue
		case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
			return w.Queue.explain("consumer of work", jetstream.ErrConsumerNotFound)
		case err != nil:
			if away.n == 0 {
				w.Logger.Warn("waiting for the server", "error", err)
			}
			if away.wait(pull) != nil {
				return nil
			}
			continue
		}
		away.n = 0
		if err := w.answer(work, m); err != nil {
			return err
		}
	}
	return nil
}

// next waits for a message, and looks more often whether the queue is empty if that ends
// the worker. One that reads nothing asks for a moment only: while it waited, it would have
// its share of the pictures that come back for another attempt.
func (w *Worker) next(ctx context.Context) (jetstream.Msg, error) {
	wait := 2 * time.Second
	switch {
	case w.readsNothing():
		wait = 50 * time.Millisecond
	case w.UntilDone:
		wait = 250 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	m, err := w.consumer.Next(jetstream.FetchContext(ctx))
	if errors.Is(err, context.DeadlineExceeded) {
		err = nats.ErrTimeout
	}
	return m, err
}

// keep tells the server that the message is worked on, until it is stopped.
func (w *Worker) keep(msg jetstream.Msg) (stop func()) {
	quit := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(cmp.Or(w.ackWait/3, time.Second)) // a consumer that another program made may have none
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				w.log(msg.InProgress())
			}
		}
	})
	return func() { close(quit); ended.Wait() }
}

// done reports whether the queue is empty.
func (w *Worker) done(ctx context.Context) (bool, error) {
	info, err := w.Queue.work.Info(ctx)
	return err == nil && info.State.Msgs == 0, err
}

// slowDown waits after pictures that could not be read: a worker without the folder would
// fail so fast that it took most of the pictures from the others.
func (w *Worker) slowDown(ctx context.Context) {
	if w.readsNothing() {
		p := pause{least: 50 * time.Millisecond, most: 10 * time.Second, n: int(w.unread.Load()) - 2}
		_ = p.wait(ctx) // the caller looks at the context
	}
}

func (w *Worker) readsNothing() bool { return w.unread.Load() >= 2 }

// log logs an error that the server's next delivery mends.
func (w *Worker) log(err error) {
	if err != nil {
		w.Logger.Warn("the server did not hear", "error", err)
	}
}

// CheckModel refuses a model that is not the queue's: its work is left to others.
func (q *Queue) CheckModel(job Job, digest string) error {
	if job.Identity.Model == digest {
		return nil
	}
	return fmt.Errorf("queue %s asks the model %.16s…, and this one is %.16s…: give that model with -m, or another --queue", q.name, job.Identity.Model, digest)
}

// A brokenError ends the worker.
type brokenError struct{ error }

func (e brokenError) Unwrap() error { return e.error }
