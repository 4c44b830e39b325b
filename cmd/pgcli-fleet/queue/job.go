package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
)

// A Job is what the answers of a queue depend on, and what it asks.
type Job struct {
	Identity batch.Identity
	Prompts  []paligemma.Prompt // in the order of records
}

// ErrOtherJob reports a job with another model or other settings than the queue's.
var ErrOtherJob = errors.New("the queue answers with another model or other flags")

// SetJob gives a queue its job, or adds prompts to it. The identity must stay the same:
// all results of a queue are comparable.
func (q *Queue) SetJob(ctx context.Context, job Job) (Job, error) {
	for {
		had, revision, err := q.job(ctx)
		if err != nil {
			return Job{}, err
		}
		if revision > 0 && had.id() != job.id() {
			return had, fmt.Errorf("queue %s: %w (the model %.16s…, %v, and it is %.16s…, %v now); give another --queue", q.name, ErrOtherJob, had.Identity.Model, had.Identity.Settings, job.Identity.Model, job.Identity.Settings)
		}
		had.Identity = job.Identity
		before := len(had.Prompts)
		for _, p := range job.Prompts {
			if !slices.Contains(had.Prompts, p) {
				had.Prompts = append(had.Prompts, p)
			}
		}
		if revision > 0 && len(had.Prompts) == before {
			return had, nil
		}
		data, err := json.Marshal(had)
		if err != nil {
			return Job{}, err
		}
		_, err = q.keys.Update(ctx, jobKey, data, revision)
		if !isConflict(err) {
			return had, q.explain("job", err)
		} // another enqueue was faster
	}
}

// Job returns the job of a queue.
func (q *Queue) Job(ctx context.Context) (Job, error) {
	job, revision, err := q.job(ctx)
	if err == nil && revision == 0 {
		err = fmt.Errorf("queue %s: %w: nothing was put in yet", q.name, ErrNoQueue)
	}
	return job, err
}

func (q *Queue) job(ctx context.Context) (job Job, revision uint64, err error) {
	entry, err := q.keys.Get(ctx, jobKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return job, 0, nil
	}
	if err != nil {
		return job, 0, q.explain("job", err)
	}
	if err := json.Unmarshal(entry.Value(), &job); err != nil || job.Identity.Model == "" || len(job.Prompts) == 0 {
		return job, 0, fmt.Errorf("queue %s: its job %.60q is none: %v", q.name, entry.Value(), err)
	}
	return job, entry.Revision(), nil
}

// id identifies the Identity.
func (j Job) id() string {
	data, _ := json.Marshal(j.Identity) // texts only
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// isConflict reports whether a key's value is not the one that an update was for.
func isConflict(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
