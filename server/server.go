package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/pgcli/paligemma"
)

// A Server answers HTTP requests with one model. It is an http.Handler, safe for
// concurrent use.
type Server struct {
	model   *paligemma.Model
	opts    Options
	handler http.Handler
	started time.Time

	queue    *queue
	bodies   *bodies
	pictures *pictures
	sources  *sources
	metrics  *metrics
	masks    chan struct{} // holds an element while masks of a large picture are in memory

	ctx     context.Context // of all computations
	stop    context.CancelCauseFunc
	closing sync.Once
}

// New returns a Server for a model, which stays the caller's: it must be closed after
// the Server. A nil opts means the defaults. The caller must Close the Server.
func New(m *paligemma.Model, opts *Options) (*Server, error) {
	if m == nil {
		return nil, errors.New("server: the model is nil")
	}
	s := &Server{model: m, started: time.Now(), masks: make(chan struct{}, 1)}
	if opts != nil {
		s.opts = *opts
	}
	if err := s.opts.fill(); err != nil {
		return nil, fmt.Errorf("server: options: %w", err)
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.queue = newQueue(m, s.opts.Parallel, s.opts.Queue)
	s.bodies = newBodies(s.opts.MaxBody)
	s.sources = newSources(&s.opts)
	s.metrics = newMetrics(s)
	s.pictures = newPictures(s.ctx, m, s.opts.PictureCache, s.metrics.picture)
	s.handler = s.observe(s.guard(s.routes()))
	return s, nil
}

// ServeHTTP answers a request. The order of handlers: each request is logged, then Host and
// Origin are checked, then its route asks for the key, and last for a place in the queue.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Drain refuses further requests that compute, with status 503, and lets those that
// were admitted go on.
func (s *Server) Drain() { s.queue.drain() }

// Shutdown drains the Server, waits for requests until ctx ends, and closes it. It
// returns ctx's error if it did not wait for all.
func (s *Server) Shutdown(ctx context.Context) error {
	select {
	case <-s.queue.drain():
	case <-ctx.Done():
	}
	err := ctx.Err()
	return errors.Join(err, s.Close())
}

// Close ends the requests that run, waits for their computations, and frees the
// sessions. Later requests that compute are answered with status 503. It is safe on
// nil and when closed. Listeners and connections are the caller's.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	s.stop(errShutdown)
	<-s.queue.drain()
	s.closing.Do(func() {
		s.pictures.works.Wait()
		s.queue.close()
	})
	return nil
}
