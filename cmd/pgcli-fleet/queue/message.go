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
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
)

// A message asks prompts about a picture.
type message struct {
	Image   string             `json:"image"` // name, as the records have it
	Time    *float64           `json:"time,omitempty"`
	At      batch.Reference    `json:"at"`
	Prompts []paligemma.Prompt `json:"prompts"`
	Job     string             `json:"job"` // id of the queue's job

	// Earlier is the version of At with results, if the picture may have changed since.
	Earlier string `json:"earlier,omitempty"`
}

// key identifies a message: a queue has it once. Fields that only
// help to find the bytes are left out.
func (m *message) key() string {
	own := message{Image: m.Image, At: batch.Reference{Version: m.At.Version}, Prompts: m.Prompts, Job: m.Job}
	data, _ := json.Marshal(own) // texts only
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// member returns the part of the name in a file with many pictures; false for a picture's
// own file.
func (m *message) member() (string, bool) { return strings.CutPrefix(m.Image, m.At.File+"#") }

// check refuses a message that cannot be one of enqueue.
func (m *message) check() error {
	_, isMember := m.member()
	switch {
	case m.Image == "" || len(m.Prompts) == 0:
		return errors.New("it names no picture or no prompt")
	case m.At.File == "" || m.Image != m.At.File && !isMember:
		return fmt.Errorf("picture %.60q is not of file %.60q", m.Image, m.At.File)
	case !isVersion(m.At.Version) || m.Earlier != "" && !isVersion(m.Earlier):
		return fmt.Errorf("versions %.60q and %.60q, want 16 hexadecimal digits", m.At.Version, m.Earlier)
	}
	return nil
}

// parse reads a message, which anybody who reaches the server may have written.
func (q *Queue) parse(subject string, data []byte) (*message, error) {
	var m message
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("%.60q is no message: %w", data, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%.60q is no message: %w", data, err)
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

// publish keeps a record about a version of a picture, unless its question has one of the
// kind: the first stays.
func (q *Queue) publish(ctx context.Context, r *record.Record, version string) (fresh bool, err error) {
	line, err := record.Encode(r)
	if err != nil {
		return false, err
	}
	_, err = q.js.Publish(ctx, q.resultSubject(r.Key, version, r.Error != nil), line)
	if isTwice(err) {
		return false, nil
	}
	return err == nil, err
}

// result returns what is kept about a question and a version of its picture, an answer
// before a failure; nil for nothing.
func (q *Queue) result(ctx context.Context, key, version string) (line []byte, err error) {
	for _, failed := range []bool{false, true} {
		m, err := q.results.GetLastMsgForSubject(ctx, q.resultSubject(key, version, failed))
		if err == nil {
			return m.Data, nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil, err
		}
	}
	return nil, nil
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
