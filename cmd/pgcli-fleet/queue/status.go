package queue

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A Status is the state of a queue.
type Status struct {
	Waiting  uint64        // pictures that no worker has
	Taken    int           // pictures that are computed, or wait for another attempt
	Age      time.Duration // of the picture that has been in the queue longest
	Answers  uint64
	Failures uint64
	Job      Job
}

// Status returns the state of a queue.
func (q *Queue) Status(ctx context.Context) (s Status, err error) {
	if s.Job, err = q.Job(ctx); err != nil {
		return s, err
	}
	work, err := q.work.Info(ctx)
	if err != nil {
		return s, q.explain("stream of work", err)
	}
	if work.State.Msgs > 0 {
		s.Age = time.Since(work.State.FirstTime)
	}
	consumer, err := q.work.Consumer(ctx, consumerName)
	if err != nil {
		return s, q.explain("consumer of work", err)
	}
	s.Waiting, s.Taken = consumer.CachedInfo().NumPending, consumer.CachedInfo().NumAckPending
	results, err := q.results.Info(ctx)
	if err != nil {
		return s, q.explain("stream of results", err)
	}
	failures, err := q.count(ctx, failureToken)
	s.Failures, s.Answers = failures, results.State.Msgs-failures
	return s, err
}

// count counts the results of a kind.
func (q *Queue) count(ctx context.Context, kind string) (uint64, error) {
	c, err := q.results.CreateConsumer(ctx, jetstream.ConsumerConfig{FilterSubject: "pgcli." + q.name + ".results.*.*.*." + kind, AckPolicy: jetstream.AckNonePolicy, HeadersOnly: true, InactiveThreshold: time.Second})
	if err != nil {
		return 0, q.explain("stream of results", err)
	}
	return c.CachedInfo().NumPending, nil
}
