package queue

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// The stream of state has one message for each subject, which is replaced only by those who
// know it. It is as a bucket of keys, whose keys can be removed without a mark that stays:
// there are as many as pictures.
func (q *Queue) stateSubject(name string) string { return "pgcli." + q.name + ".state." + name }

// load returns the last message of a subject; its revision is 0 if there is none.
func (q *Queue) load(ctx context.Context, subject string) (data []byte, revision uint64, err error) {
	m, err := q.state.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, q.explain("stream of state", err)
	}
	return m.Data, m.Sequence, nil
}

// store replaces the message of a subject, which must have a revision. It returns the new
// one.
func (q *Queue) store(ctx context.Context, subject string, data []byte, revision uint64) (uint64, error) {
	ack, err := q.js.Publish(ctx, subject, data, jetstream.WithExpectLastSequencePerSubject(revision))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// isConflict reports whether a message is not the one that store was to replace.
func isConflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
