package server

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/pgcli/paligemma"
)

// A queue admits requests: so many are computed at a time, each with a session of
// its own, so many wait, in the order of arrival, and more are refused.
type queue struct {
	model *paligemma.Model
	slots chan *paligemma.Session // free; nil stands for one that is not open yet

	mu       sync.Mutex
	most     int           // requests inside
	inside   int           // being read, waiting or computed
	draining bool          // no more are admitted
	empty    chan struct{} // closed when the last leaves a queue that drains
	average  time.Duration // that a slot was held, of late
}

// newQueue returns a queue with places for the requests that are computed at a time, and for those
// that wait.
func newQueue(m *paligemma.Model, parallel, waiting int) *queue {
	q := &queue{model: m, slots: make(chan *paligemma.Session, parallel), most: parallel + waiting, empty: make(chan struct{})}
	for range parallel {
		q.slots <- nil
	}
	return q
}

// enter admits a request, or refuses it with 429, or 503 while the queue drains, and the
// time after which to try again. A request is inside from before its body is read, so that
// the bodies in memory are bounded, too. If it is admitted the caller must leave.
func (q *queue) enter() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.draining {
		return failureOf(errShutdown)
	}
	if q.inside >= q.most {
		return &failure{status: http.StatusTooManyRequests, after: q.wait(),
			err: fmt.Errorf("%d requests are computed or wait, and no more may: try again later", q.inside)}
	}
	q.inside++
	return nil
}

// open returns the error of a queue that drains.
func (q *queue) open() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.draining {
		return failureOf(errShutdown)
	}
	return nil
}

// wait estimates the time until a request that comes now has a slot, from 1 second to a
// minute: the requests before it, each for as long as of late, in all slots at a time. The
// caller holds the lock.
func (q *queue) wait() time.Duration {
	return min(max(time.Second, q.average*time.Duration(q.inside)/time.Duration(cap(q.slots))), time.Minute)
}

// leave lets a request go that was admitted.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inside--
	if q.draining && q.inside == 0 {
		close(q.empty)
	}
}

// take waits for a slot and returns its session, which is opened at first use: a server
// that nobody asks much has the memory of few. The error is ctx's cause, or says that there
// is no memory for a session; the slot is free then. The caller must give it back.
func (q *queue) take(ctx context.Context) (*paligemma.Session, error) {
	select {
	case session := <-q.slots:
		if session != nil {
			return session, nil
		}
		session, err := q.model.NewSession()
		if err != nil {
			q.slots <- nil
		}
		return session, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// give takes a session back that was held for a time, which counts an eighth in the moving
// average.
func (q *queue) give(session *paligemma.Session, held time.Duration) {
	q.slots <- session
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.average == 0 {
		q.average = held
	}
	q.average += (held - q.average) / 8
}

// drain refuses requests from now on, and returns a channel that is closed when
// none is inside.
func (q *queue) drain() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.draining && q.inside == 0 {
		close(q.empty)
	}
	q.draining = true
	return q.empty
}

// close frees the sessions of a queue that nobody is in.
func (q *queue) close() {
	for range cap(q.slots) {
		(<-q.slots).Close()
		q.slots <- nil
	}
}

// load returns how many requests have a slot, and how many are inside without one. The two
// numbers are of moments that may differ, which is enough for a metric.
func (q *queue) load() (computed, waiting int) {
	computed = cap(q.slots) - len(q.slots)
	q.mu.Lock()
	defer q.mu.Unlock()
	return computed, max(0, q.inside-computed)
}
