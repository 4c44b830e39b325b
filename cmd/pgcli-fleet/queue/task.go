package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// A task is a message that a worker has taken.
type task struct {
	*message
	w    *Worker
	msg  jetstream.Msg
	left []paligemma.Prompt // without a result
	try  *attempt
	lost string // why a prompt has no result and never will; "" for none
}

// answer asks about the picture of a message. An error ends the worker; what else goes
// wrong leaves the message to another delivery.
func (w *Worker) answer(ctx context.Context, msg jetstream.Msg) error {
	start := time.Now()
	w.Metrics.taken(msg)
	m, err := w.Queue.parse(msg.Subject(), msg.Data())
	if err != nil {
		return w.refuse(msg, err)
	}
	if m.Job != w.job.id() {
		return w.foreign(ctx, msg)
	}
	stop := w.keep(msg)
	defer stop()
	t := &task{message: m, w: w, msg: msg}
	err = t.do(ctx)
	switch {
	case err == nil:
		w.Metrics.ended(start)
		return nil
	case errors.As(err, new(brokenError)):
		return err
	case ctx.Err() != nil: // drained
		w.log(msg.Nak())
		return nil
	}
	w.Logger.Warn("left to another delivery", "image", m.Image, "error", err)
	w.log(msg.NakWithDelay(w.RetryWait))
	return nil
}

// refuse removes a message that no enqueue has written.
func (w *Worker) refuse(msg jetstream.Msg, err error) error {
	w.Metrics.count("refused", 1)
	w.Logger.Warn("message removed", "subject", msg.Subject(), "error", err)
	w.log(msg.TermWithReason(err.Error()))
	return nil
}

// foreign refuses a message of another job. If the queue has that job now, the message is
// for other workers.
func (w *Worker) foreign(ctx context.Context, msg jetstream.Msg) error {
	now, err := w.Queue.Job(ctx)
	if err == nil && now.id() == w.job.id() {
		return w.refuse(msg, errors.New("it is of another job than the queue's"))
	}
	w.log(msg.Nak())
	if err == nil {
		err = errors.New("the queue has another job now; start this worker again")
	}
	return err
}

// do takes a picture from its attempts to its results.
func (t *task) do(ctx context.Context) (err error) {
	q := t.w.Queue
	if t.try, err = q.attempt(ctx, t.key()); err != nil {
		return err
	}
	if err := t.missing(ctx); err != nil {
		return err
	}
	switch {
	case len(t.left) == 0:
		return t.end(ctx, "")
	case t.try.N >= maxAttempts:
		return t.giveUp(ctx)
	case t.try.N > 0 && t.try.Open: // its worker ended, or stalls
		t.w.alone.Lock()
		defer t.w.alone.Unlock()
	default:
		t.w.alone.RLock()
		defer t.w.alone.RUnlock()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := q.begin(ctx, t.try); err != nil { // another worker has it, too, if it is a conflict
		return err
	}
	item := t.w.item(t.message)
	same, err := t.unchanged(ctx, &item)
	if err != nil {
		return err
	}
	t.w.Metrics.busy(1)
	records, err := t.w.Asker.Ask(ctx, item, t.left)
	t.w.Metrics.busy(-1)
	if err != nil {
		return t.broken(ctx, err)
	}
	return t.save(ctx, append(same, records...))
}

// missing finds the prompts that have no result. Others may have come from an earlier
// delivery, or from another message: one that asked fewer prompts, or more. The first
// delivery asks the server, too: messages with other prompts about one picture wait beside
// each other, so that only results tell what has been asked.
func (t *task) missing(ctx context.Context) error {
	for _, p := range t.Prompts {
		line, err := t.w.Queue.result(ctx, t.w.job.Identity.Key(t.Image, p), t.At.Version)
		if err != nil {
			return err
		}
		if line == nil {
			t.left = append(t.left, p)
		}
	}
	return nil
}

// broken takes an attempt back that did not end because of the picture.
func (t *task) broken(ctx context.Context, err error) error {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	t.w.log(t.w.Queue.takeBack(own, t.try))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t.w.log(t.msg.Nak())
	return brokenError{err}
}

// save keeps records. Failures that may pass are kept with the last attempt only.
func (t *task) save(ctx context.Context, records []*record.Record) error {
	again, reason := false, ""
	for _, r := range records {
		kind := record.Kind("")
		if r.Error != nil {
			kind = r.Error.Kind
		}
		if kind != record.KindRead {
			t.w.unread.Store(0)
		}
		switch {
		case (kind == record.KindRead || kind == record.KindInternal) && t.try.N < maxAttempts:
			again, reason = true, r.Error.Message
			continue
		case kind == record.KindRead || kind == record.KindDecode:
			reason = r.Error.Message
		}
		if err := t.publish(ctx, r); err != nil {
			return err
		}
	}
	if !again {
		return t.end(ctx, reason)
	}
	if len(records) > 0 && records[0].Error != nil && records[0].Error.Kind == record.KindRead {
		t.w.unread.Add(1)
	}
	t.w.Metrics.count("retried", 1)
	t.w.Logger.Warn("another attempt follows", "image", t.Image, "attempt", t.try.N, "error", reason)
	t.w.log(t.w.Queue.fail(ctx, t.try))
	t.w.log(t.msg.NakWithDelay(t.w.RetryWait << (t.try.N - 1)))
	return nil
}

// giveUp records a picture that ended its workers as failed.
func (t *task) giveUp(ctx context.Context) error {
	err := fmt.Errorf("%d workers were killed or stalled while they asked about it", t.try.N)
	for _, p := range t.left {
		if err := t.publish(ctx, failed(t.w, t.message, p, record.KindWorker, err)); err != nil {
			return err
		}
	}
	return t.end(ctx, err.Error())
}

// publish keeps a record. It waits while the server is away, or has no room: the answer
// is there, and is not computed again. A record that the server never takes becomes that of a
// failure; one of a failure is lost.
func (t *task) publish(ctx context.Context, r *record.Record) error {
	wait := pause{least: 100 * time.Millisecond, most: 5 * time.Second}
	for short := false; ; {
		own, cancel := context.WithTimeout(ctx, answerTime)
		fresh, err := t.w.Queue.publish(own, r, t.At.Version)
		cancel()
		switch {
		case err == nil:
			t.w.Metrics.record(r, fresh)
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case tooLong(err) && short:
			t.lost = fmt.Sprintf("the record of prompt %.60q is longer than the %d bytes that the server takes (max_payload), and so is that of its failure", r.Prompt, t.w.Queue.nc.MaxPayload())
			t.w.Metrics.count("refused", 1)
			t.w.Logger.Warn("a prompt has no result", "image", t.Image, "error", t.lost)
			return nil
		case tooLong(err):
			r, short = failed(t.w, t.message, r.Prompt, record.KindInternal, fmt.Errorf("its record is longer than the %d bytes that the server takes (max_payload)", t.w.Queue.nc.MaxPayload())), true
			continue
		case wait.n == 0:
			t.w.Logger.Warn("waiting to keep an answer", "image", t.Image, "error", err)
		}
		if err := wait.wait(ctx); err != nil {
			return err
		}
	}
}

// tooLong reports whether a record can never be published.
func tooLong(err error) bool {
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, record.ErrTooLarge)
}

// end removes the message, whose results are all kept, and before it results about an
// earlier version of its picture, and then its attempts. reason says why it has no answer.
func (t *task) end(ctx context.Context, reason string) error {
	if err := t.replace(ctx); err != nil {
		return err
	}
	if reason = cmp.Or(t.lost, reason); reason != "" {
		t.w.log(t.msg.TermWithReason(reason))
	} else if err := t.msg.DoubleAck(ctx); err != nil {
		t.w.log(err) // delivered again, its results are found
		return nil
	}
	t.w.log(t.w.Queue.forget(ctx, t.try))
	return nil
}
