package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/s3"
)

// window is how many messages are on their way at a time.
const window = 256

// An Enqueuing is what is put into a queue.
type Enqueuing struct {
	Sources []batch.Source
	Prompts []paligemma.Prompt
	File    *batch.File // of records that need no other answer; nil for none

	RetryFailed bool           // ask again about questions whose results are failures
	Notice      func(string)   // called for what keeps Enqueue waiting; may be nil
	Progress    func(Enqueued) // called after each window; may be nil
}

// An Enqueued counts what Enqueue did.
type Enqueued struct {
	Pictures int // of the sources
	Queued   int // of these, put in now
	Waiting  int // that were in the queue already
	Done     int // that have all their results
}

// Enqueue puts the pictures of sources into the queue that have no result for some prompt,
// and are not in it already. It may be repeated at any time. While the queue is full it
// waits. What has results is in a temporary file, so that it holds a window of messages only.
// A source that ends early is an error after the others are put in, as with batch.Run.
func (q *Queue) Enqueue(ctx context.Context, e *Enqueuing) (n Enqueued, err error) {
	job, err := q.Job(ctx)
	if err != nil {
		return n, err
	}
	known, err := q.known(ctx, e.RetryFailed)
	if err != nil {
		return n, err
	}
	defer known.close()
	var (
		messages []*message
		broken   error // of the first source that ends early
	)
	flush := func() error {
		queued, err := q.put(ctx, messages, e.Notice)
		n.Queued += queued
		n.Waiting += len(messages) - queued
		messages = messages[:0]
		if e.Progress != nil {
			e.Progress(n)
		}
		return err
	}
	for _, s := range e.Sources {
		for item, err := range s.Items(ctx) {
			if err := context.Cause(ctx); err != nil { // a million pictures with results ask the server nothing
				return n, err
			}
			if err != nil {
				broken = cmp.Or(broken, err)
				continue // with the other sources of a list
			}
			if n.Pictures++; !utf8.ValidString(item.Name) {
				if err := q.refuse(ctx, job, item, e.Prompts); err != nil {
					return n, err
				}
				continue
			}
			m, err := newMessage(job, item, e, known)
			if err != nil {
				return n, err
			}
			if len(m.Prompts) == 0 {
				n.Done++
				continue
			}
			if messages = append(messages, m); len(messages) == window {
				if err := flush(); err != nil {
					return n, err
				}
			}
		}
		if err := context.Cause(ctx); err != nil { // which ends a source without an error
			return n, err
		}
	}
	return n, errors.Join(flush(), broken)
}

// newMessage returns the message about an item, with the prompts that have no result.
func newMessage(job Job, item batch.Item, e *Enqueuing, known *resultSet) (*message, error) {
	m := &message{Image: item.Name, Time: item.Time, Job: job.id()}
	if item.Refer == nil {
		return nil, fmt.Errorf("%s has no place where a worker finds it: ask about it with pgcli batch", item.Name)
	}
	var err error
	if m.At, err = item.Refer(); err != nil {
		return nil, fmt.Errorf("no worker can read %s alone: %w, or ask about it with pgcli batch --shard", item.Name, err)
	}
	if at := m.At.File; !strings.HasPrefix(at, s3.Scheme) && !filepath.IsAbs(at) && !filepath.IsLocal(at) {
		return nil, fmt.Errorf("%s leads out of this folder: workers look for it in the folder of their --root; start in that folder, or give absolute names", at)
	}
	for _, p := range e.Prompts {
		same, earlier, err := known.find(job.Identity.Key(item.Name, p), m.At.Version)
		if err != nil {
			return nil, err
		}
		if !same && !recorded(e, item.Name, p) {
			m.Prompts, m.Earlier = append(m.Prompts, p), cmp.Or(earlier, m.Earlier)
		}
	}
	return m, nil
}

// recorded reports whether the file of records needs no other answer to a question.
func recorded(e *Enqueuing, image string, p paligemma.Prompt) bool {
	if e.File == nil {
		return false
	}
	known, answered := e.File.Has(image, p)
	return answered || known && !e.RetryFailed
}

// refuse keeps failures of a picture whose name no message can hold.
func (q *Queue) refuse(ctx context.Context, job Job, item batch.Item, prompts []paligemma.Prompt) error {
	for _, p := range prompts {
		if _, err := q.publish(ctx, batch.Misnamed(&job.Identity, item, p), batch.Version("misnamed")); err != nil {
			return q.explain("stream of results", err)
		}
	}
	return nil
}

// put publishes messages, and returns how many the queue did not have. It waits while the
// queue is full, or the server is away.
func (q *Queue) put(ctx context.Context, all []*message, notice func(string)) (queued int, err error) {
	retry := pause{least: 50 * time.Millisecond, most: 5 * time.Second}
	for len(all) > 0 {
		var left []*message
		var last error
		futures := make([]jetstream.PubAckFuture, len(all))
		errs := make([]error, len(all))
		for i, m := range all {
			if futures[i], errs[i] = q.send(m); errs[i] != nil {
				break // the others are not sent either
			}
		}
		for i, m := range all {
			err := errs[i]
			if futures[i] != nil {
				select {
				case <-futures[i].Ok():
					queued++
					continue
				case err = <-futures[i].Err():
				case <-ctx.Done():
					return queued, context.Cause(ctx)
				}
			}
			var api *jetstream.APIError
			switch {
			case isTwice(err):
				continue
			case errors.Is(err, nats.ErrMaxPayload):
				return queued, fmt.Errorf("queue %s: %.60q with its prompts is longer than the %d bytes that the server takes (max_payload)", q.name, m.Image, q.nc.MaxPayload())
			case errors.As(err, &api) && !isFull(err) && api.Code < 500:
				return queued, fmt.Errorf("queue %s: %s: %w", q.name, m.Image, err)
			case err != nil:
				last = err
			}
			left = append(left, m)
		}
		if all = left; len(all) == 0 {
			break
		}
		if notice != nil && last != nil && retry.n == 0 {
			notice(waiting(last))
		}
		if err := retry.wait(ctx); err != nil {
			return queued, err
		}
	}
	return queued, nil
}

func (q *Queue) send(m *message) (jetstream.PubAckFuture, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return q.js.PublishAsync(q.workSubject(m.key()), data)
}

// waiting says what a program waits for.
func waiting(err error) string {
	if isFull(err) {
		return "the queue is full: waiting until workers have made room"
	}
	return fmt.Sprintf("waiting for the server: %v", err)
}

// A pause grows each time.
type pause struct {
	least, most time.Duration
	n           int // waits so far
}

func (p *pause) wait(ctx context.Context) error {
	d := min(p.most, p.least<<min(p.n, 20))
	p.n++
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
