package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
)

// A Collected counts what Collect did.
type Collected struct {
	Added   int // records that the file did not have
	Refused int // messages that are not records of the queue, and are removed
}

// Collect adds the results of a queue to a file, which must be of the queue's job. A
// result that is not a record of its question is removed from the server, so that Enqueue
// asks again.
func (q *Queue) Collect(ctx context.Context, out *batch.File, logger *slog.Logger) (n Collected, err error) {
	info, err := q.results.Info(ctx)
	if err != nil || info.State.Msgs == 0 {
		return n, q.explain("stream of results", err)
	}
	consumer, err := q.results.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return n, q.explain("stream of results", err)
	}
	for last := uint64(0); last < info.State.LastSeq; {
		batchOf, err := consumer.Fetch(500, jetstream.FetchMaxWait(answerTime))
		if err != nil {
			return n, q.explain("stream of results", err)
		}
		got := 0
		for msg := range batchOf.Messages() {
			meta, err := msg.Metadata()
			if err != nil {
				return n, q.explain("result", err)
			}
			got, last = got+1, meta.Sequence.Stream
			added, err := q.collect(out, msg)
			switch {
			case errors.As(err, new(refusedError)):
				n.Refused++
				logger.Warn("result removed", "subject", msg.Subject(), "error", err)
				if err := q.results.DeleteMsg(ctx, last); err != nil {
					return n, q.explain("stream of results", err)
				}
			case err != nil:
				return n, err
			case added:
				n.Added++
			}
			if ctx.Err() != nil {
				return n, context.Cause(ctx)
			}
			if meta.NumPending == 0 {
				return n, nil
			}
		}
		if err := batchOf.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return n, q.explain("stream of results", err)
		}
		if got == 0 {
			return n, fmt.Errorf("queue %s: the server sent no result for %v, and there are more", q.name, answerTime)
		}
	}
	return n, nil
}

// A refusedError is about a message among the results that is not one of them.
type refusedError struct{ error }

// collect adds the record of a message.
func (q *Queue) collect(out *batch.File, msg jetstream.Msg) (added bool, err error) {
	r, err := record.Decode(msg.Data())
	if err != nil {
		return false, refusedError{err}
	}
	if e, failed, ok := q.resultOf(msg.Subject()); !ok || e.key() != r.Key || failed != (r.Error != nil) {
		return false, refusedError{fmt.Errorf("its subject %s is not that of the question %.40q", msg.Subject(), r.Key)}
	}
	if !out.Owns(r) {
		return false, refusedError{errors.New("it is an answer of another model, or with other settings")}
	}
	return out.Add(r)
}
