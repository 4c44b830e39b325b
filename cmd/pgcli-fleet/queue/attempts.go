package queue

import (
	"context"
	"encoding/json"
	"fmt"
)

// maxAttempts is how often a picture is tried.
const maxAttempts = 3

// An attempt is what the queue has noted about a picture that a worker has begun. It is written
// before the picture is opened, so that one that kills its worker is counted.
type attempt struct {
	N    int  `json:"n"`    // attempts that began
	Open bool `json:"open"` // the last one has not ended: it runs, or its worker is gone

	subject  string
	revision uint64
}

// attempt returns what is known about a picture.
func (q *Queue) attempt(ctx context.Context, key string) (*attempt, error) {
	a := &attempt{subject: q.stateSubject("attempts." + key)}
	data, revision, err := q.load(ctx, a.subject)
	if err != nil || revision == 0 {
		return a, err
	}
	if err := json.Unmarshal(data, a); err != nil || a.N < 0 {
		return nil, fmt.Errorf("attempts %s: %.60q: %v", a.subject, data, err)
	}
	a.revision = revision
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
	revision, err := q.store(ctx, a.subject, data, a.revision)
	if err != nil {
		return err
	}
	a.N, a.Open, a.revision = next.N, next.Open, revision
	return nil
}

// forget removes what is known about a picture.
func (q *Queue) forget(ctx context.Context, a *attempt) error {
	if a.revision == 0 {
		return nil
	}
	if err := q.state.DeleteMsg(ctx, a.revision); err != nil {
		return err
	}
	a.N, a.Open, a.revision = 0, false, 0
	return nil
}
