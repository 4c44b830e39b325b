package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// maxAttempts is how often a picture is tried.
const maxAttempts = 3

// An attempt is what the bucket has about a picture that a worker has begun. It is written
// before the picture is opened, so that one that kills its worker is counted.
type attempt struct {
	N    int  `json:"n"`    // attempts that began
	Open bool `json:"open"` // the last one has not ended: it runs, or its worker is gone

	key      string
	revision uint64 // of the key
}

// attempt returns what is known about a picture.
func (q *Queue) attempt(ctx context.Context, key string) (*attempt, error) {
	a := &attempt{key: attemptsKey + "." + key}
	entry, err := q.keys.Get(ctx, a.key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(entry.Value(), a); err != nil || a.N < 0 {
		return nil, fmt.Errorf("attempts %s: %.60q: %v", a.key, entry.Value(), err)
	}
	a.revision = entry.Revision()
	return a, nil
}

// begin notes that another attempt begins. It fails with a conflict if another worker has
// written meanwhile.
func (q *Queue) begin(ctx context.Context, a *attempt) error {
	return q.note(ctx, a, attempt{N: a.N + 1, Open: true})
}

// fail notes that an attempt has ended, without an answer.
func (q *Queue) fail(ctx context.Context, a *attempt) error {
	return q.note(ctx, a, attempt{N: a.N})
}

// takeBack notes that an attempt was not the picture's to fail.
func (q *Queue) takeBack(ctx context.Context, a *attempt) error {
	if a.N <= 1 {
		return q.forget(ctx, a)
	}
	return q.note(ctx, a, attempt{N: a.N - 1})
}

func (q *Queue) note(ctx context.Context, a *attempt, next attempt) error {
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	revision, err := q.keys.Update(ctx, a.key, data, a.revision)
	if err != nil {
		return err
	}
	a.N, a.Open, a.revision = next.N, next.Open, revision
	return nil
}

// forget removes what is known about a picture, without a mark that would stay.
func (q *Queue) forget(ctx context.Context, a *attempt) error {
	if a.revision == 0 {
		return nil
	}
	err := q.store.DeleteMsg(ctx, a.revision)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil {
		a.N, a.Open, a.revision = 0, false, 0
		return nil
	}
	return err
}
