package queue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// A message asks prompts about a picture.
type message struct {
	Image   string             `json:"image"` // name, as the records have it
	Prompts []paligemma.Prompt `json:"prompts"`
	Job     string             `json:"job"` // id of the queue's job
}

// key identifies a message: a queue has it once.
func (m *message) key() string {
	data, _ := json.Marshal(m) // texts only
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// parse reads a message, which anybody who reaches the server may have written.
func (q *Queue) parse(subject string, data []byte) (*message, error) {
	var m message
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("%.60q is no message: %w", data, err)
	}
	if m.Image == "" || len(m.Prompts) == 0 {
		return nil, fmt.Errorf("%.60q is no message: it names no picture or no prompt", data)
	}
	seen := map[paligemma.Prompt]bool{}
	for _, p := range m.Prompts {
		if _, err := p.Read(); err != nil {
			return nil, err
		}
		if strings.TrimSpace(string(p)) == "" || seen[p] {
			return nil, fmt.Errorf("prompt %q is empty or given twice", p)
		}
		seen[p] = true
	}
	if want := q.workSubject(m.key()); subject != want {
		return nil, fmt.Errorf("its subject is %s, want %s", subject, want)
	}
	return &m, nil
}

// publish keeps a record, unless its question has one of the kind: the first stays.
func (q *Queue) publish(ctx context.Context, r *record.Record) (fresh bool, err error) {
	line, err := record.Encode(r)
	if err != nil {
		return false, err
	}
	_, err = q.js.Publish(ctx, q.resultSubject(r.Key, r.Error != nil), line)
	if isTwice(err) {
		return false, nil
	}
	return err == nil, err
}

// has reports whether a question has an answer, or a record of any kind.
func (q *Queue) has(ctx context.Context, key string) (known, answered bool, err error) {
	for _, failed := range []bool{false, true} {
		_, err := q.results.GetLastMsgForSubject(ctx, q.resultSubject(key, failed))
		if err == nil {
			return true, !failed, nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, false, err
		}
	}
	return false, false, nil
}

// isTwice reports whether the server refused a message since its subject has one.
// The server has one code for all limits of a stream.
func isTwice(err error) bool { return storeFailed(err, "maximum messages per subject") }

// isFull reports whether the server refused a message since the stream has no room.
func isFull(err error) bool {
	return storeFailed(err, "maximum messages exceeded") || storeFailed(err, "maximum bytes exceeded")
}

func storeFailed(err error, text string) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == storeFailedCode && strings.Contains(api.Description, text)
}

// storeFailedCode is JSStreamStoreFailedF of nats-server.
const storeFailedCode = 10077
