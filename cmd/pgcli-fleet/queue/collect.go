package queue

import (
	"cmp"
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
	for last := uint64(0); last < info.State.LastSeq; {
		had := last
		more, err := q.next(ctx, &last, func(msg jetstream.Msg) error {
			added, err := q.collect(out, msg)
			switch {
			case errors.As(err, new(refusedError)):
				n.Refused++
				logger.Warn("result removed", "subject", msg.Subject(), "error", err)
				return q.explain("stream of results", q.results.DeleteMsg(ctx, last))
			case err == nil && added:
				n.Added++
			}
			return err
		})
		if err := cmp.Or(context.Cause(ctx), err); err != nil || !more {
			return n, err
		}
		if last == had {
			return n, fmt.Errorf("queue %s: the server sent no result for %v, and there are more", q.name, answerTime)
		}
	}
	return n, nil
}

// next calls do with up to 500 results behind the one of number last, which it moves on, and
// reports whether there are more. Each call has a consumer of its own, which the server
// forgets: an ordered one of the client makes itself anew for ever, whatever the context.
func (q *Queue) next(ctx context.Context, last *uint64, do func(jetstream.Msg) error) (more bool, err error) {
	consumer, err := q.results.CreateConsumer(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: *last + 1, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: answerTime})
	if err != nil {
		return false, q.explain("stream of results", err)
	}
	wait, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	some, err := consumer.Fetch(500, jetstream.FetchContext(wait))
	if err != nil {
		return false, q.explain("stream of results", err)
	}
	for msg := range some.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return false, q.explain("result", err)
		}
		*last = meta.Sequence.Stream
		if err := cmp.Or(do(msg), context.Cause(ctx)); err != nil || meta.NumPending == 0 {
			return false, err
		}
	}
	if err := some.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
		return false, q.explain("stream of results", err)
	}
	return true, nil
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
