package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/record"
)

// unchanged reads a picture that may have changed, and returns the records about an earlier
// version of it that has the same bytes, without another question. It takes their prompts
// from those that are left.
func (t *task) unchanged(ctx context.Context, item *batch.Item) (same []*record.Record, err error) {
	if t.Earlier == "" {
		return nil, nil
	}
	data, failed := item.Read(ctx)
	item.Read = func(context.Context) ([]byte, error) { return data, failed }
	if failed != nil {
		return nil, nil
	}
	sum := sha256.Sum256(data)
	now := hex.EncodeToString(sum[:])
	for _, p := range t.left {
		line, err := t.w.Queue.result(ctx, t.w.job.Identity.Key(t.Image, p), t.Earlier)
		if err != nil {
			return nil, err
		}
		r, err := record.Decode(line)
		if err == nil && r.SHA256 == now && (r.Error == nil || r.Error.Kind == record.KindDecode) && r.Prompt == p && r.Key == t.w.job.Identity.Key(t.Image, p) {
			same = append(same, r)
		}
	}
	t.left = slices.DeleteFunc(slices.Clone(t.left), func(p paligemma.Prompt) bool {
		return slices.ContainsFunc(same, func(r *record.Record) bool { return r.Prompt == p })
	})
	return same, nil
}

// replace removes results about an earlier version of a picture that has results about this
// one.
func (t *task) replace(ctx context.Context) error {
	if t.Earlier == "" || t.Earlier == t.At.Version {
		return nil
	}
	for _, p := range t.Prompts {
		for _, failed := range []bool{false, true} {
			subject := t.w.Queue.resultSubject(t.w.job.Identity.Key(t.Image, p), t.Earlier, failed)
			if err := t.w.Queue.results.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
				return err
			}
		}
	}
	return nil
}
