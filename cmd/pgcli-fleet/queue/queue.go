package queue

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Queue is a queue of a server. It is safe for concurrent use.
type Queue struct {
	name    string
	nc      *nats.Conn
	js      jetstream.JetStream
	work    jetstream.Stream
	results jetstream.Stream
	state   jetstream.Stream // see state.go
}

// Config is how a queue is made.
type Config struct {
	Replicas int           // servers that keep each message; 0 means 1
	Most     int           // pictures that may wait; 0 means DefaultMost
	AckWait  time.Duration // until a silent worker's pictures go to others; 0 means DefaultAckWait
}

// Defaults of Config.
const (
	DefaultMost    = 1 << 20
	DefaultAckWait = 30 * time.Second
)

const (
	consumerName  = "workers"
	maxAckPending = 1 << 14 // pictures that are computed or wait for another attempt
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// names of what a queue has on the server.
func (q *Queue) workStream() string    { return "pgcli-" + q.name + "-work" }
func (q *Queue) resultsStream() string { return "pgcli-" + q.name + "-results" }
func (q *Queue) stateStream() string   { return "pgcli-" + q.name + "-state" }
func (q *Queue) workSubject(key string) string {
	return "pgcli." + q.name + ".work." + key
}

// resultSubject has the key in two parts, so that results can be listed in parts. version
// is that of the picture's reference: a picture that has changed has results of its own.
func (q *Queue) resultSubject(key, version string, failed bool) string {
	kind := answerToken
	if failed {
		kind = failureToken
	}
	return fmt.Sprintf("pgcli.%s.results.%s.%s.%s.%s", q.name, key[:2], key[2:], version, kind)
}

const (
	answerToken  = "answer"
	failureToken = "failure"
)

func newQueue(nc *nats.Conn, name string) (*Queue, error) {
	if !queueName.MatchString(name) {
		return nil, fmt.Errorf("queue %q: want a name of letters, digits, - and _", name)
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*window), jetstream.WithPublishAsyncTimeout(answerTime))
	return &Queue{name: name, nc: nc, js: js}, err
}

// answerTime is how long the server may take to answer.
const answerTime = 5 * time.Second

// Create opens the queue of a name, and makes it first if the server has none. One that is
// there keeps its Config.
func Create(ctx context.Context, nc *nats.Conn, name string, c Config) (*Queue, error) {
	q, err := Open(ctx, nc, name)
	if err == nil || !errors.Is(err, ErrNoQueue) {
		return q, err
	}
	if q, err = newQueue(nc, name); err != nil {
		return nil, err
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Most == 0 {
		c.Most = DefaultMost
	}
	if c.AckWait == 0 {
		c.AckWait = DefaultAckWait
	}
	// A message for each picture: the second of a subject is refused, and so is one above
	// the limit, whose publisher waits. By default the oldest message would make room.
	q.work, err = q.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: q.workStream(), Subjects: []string{q.workSubject("*")}, Description: "pictures that wait for an answer",
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: c.Replicas,
		Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true, MaxMsgs: int64(c.Most),
	})
	if err != nil {
		return nil, q.explain("stream of work", err)
	}
	// Deliveries are not limited: a message that was delivered too often would stay in the
	// stream, unseen. Attempts are counted in the bucket instead.
	_, err = q.work.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: consumerName, AckPolicy: jetstream.AckExplicitPolicy, AckWait: c.AckWait, MaxDeliver: -1, MaxAckPending: maxAckPending,
	})
	if err != nil {
		return nil, q.explain("consumer of work", err)
	}
	q.results, err = q.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: q.resultsStream(), Subjects: []string{"pgcli." + name + ".results.*.*.*.*"}, Description: "records of answers and failures",
		Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage, Replicas: c.Replicas, Compression: jetstream.S2Compression,
		Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true, AllowDirect: true,
	})
	if err != nil {
		return nil, q.explain("stream of results", err)
	}
	_, err = q.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: q.stateStream(), Subjects: []string{q.stateSubject(">")}, Description: "the job, and attempts of pictures",
		Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage, Replicas: c.Replicas, Discard: jetstream.DiscardOld, MaxMsgsPerSubject: 1,
	})
	if err != nil {
		return nil, q.explain("stream of state", err)
	}
	return Open(ctx, nc, name)
}

// ErrNoQueue reports a queue that the server does not have.
var ErrNoQueue = errors.New("no such queue: pgcli-fleet enqueue makes it, and --queue names another")

// Open opens a queue.
func Open(ctx context.Context, nc *nats.Conn, name string) (*Queue, error) {
	q, err := newQueue(nc, name)
	if err != nil {
		return nil, err
	}
	if q.work, err = q.js.Stream(ctx, q.workStream()); err == nil {
		q.results, err = q.js.Stream(ctx, q.resultsStream())
	}
	if err == nil {
		q.state, err = q.js.Stream(ctx, q.stateStream())
	}
	if err == nil {
		_, err = q.work.Consumer(ctx, consumerName)
	}
	if err != nil {
		return nil, q.explain("", err)
	}
	return q, nil
}

// explain names what failed.
func (q *Queue) explain(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrConsumerNotFound):
		return fmt.Errorf("queue %s at %s: %w", q.name, q.nc.ConnectedUrlRedacted(), ErrNoQueue)
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return fmt.Errorf("queue %s: the server at %s has no JetStream; start it with deploy/nats.conf, or nats-server -js", q.name, q.nc.ConnectedUrlRedacted())
	}
	return fmt.Errorf("queue %s: %s: %w", q.name, what, err)
}
