package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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
			return had, fmt.Errorf("queue %s: %w: %s; give another --queue", q.name, ErrOtherJob, difference(had.Identity, job.Identity))
		}
		had.Identity = job.Identity
		before := len(had.Prompts)
		known := map[paligemma.Prompt]bool{}
		for _, p := range had.Prompts {
			known[p] = true
		}
		for _, p := range job.Prompts {
			if !known[p] {
				had.Prompts, known[p] = append(had.Prompts, p), true
			}
		}
		if revision > 0 && len(had.Prompts) == before {
			return had, nil
		}
		data, err := json.Marshal(had)
		if err != nil {
			return Job{}, err
		}
		_, err = q.store(ctx, q.stateSubject("job"), data, revision)
		if !isConflict(err) {
			return had, q.explain("job", err)
		} // another enqueue was faster
	}
}

// Job returns the job of a queue.
func (q *Queue) Job(ctx context.Context) (Job, error) {
	job, revision, err := q.job(ctx)
	if err == nil && revision == 0 {
		err = fmt.Errorf("queue %s: nothing was put in yet: %w", q.name, ErrNoQueue)
	}
	return job, err
}

func (q *Queue) job(ctx context.Context) (job Job, revision uint64, err error) {
	data, revision, err := q.load(ctx, q.stateSubject("job"))
	if err != nil || revision == 0 {
		return job, 0, err
	}
	if err := json.Unmarshal(data, &job); err != nil || job.Identity.Model == "" || len(job.Prompts) == 0 {
		return job, 0, fmt.Errorf("queue %s: its job %.60q cannot be read: %v", q.name, data, err)
	}
	return job, revision, nil
}

// difference spells in what the identity of a queue and one of now differ.
func difference(had, now batch.Identity) string {
	var all []string
	if had.Model != now.Model {
		all = append(all, fmt.Sprintf("the model is %.16s… there, and %.16s… now", had.Model, now.Model))
	}
	value := func(id batch.Identity, name string) string {
		for _, s := range id.Settings {
			if s.Name == name {
				return s.Value
			}
		}
		return "unknown"
	}
	for _, s := range slices.Concat(had.Settings, now.Settings) {
		text := fmt.Sprintf("%s is %s there, and %s now", s.Name, value(had, s.Name), value(now, s.Name))
		if value(had, s.Name) != value(now, s.Name) && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		return "the settings have another order, as those of another version of the program"
	}
	return strings.Join(all, "; ")
}

// id identifies the Identity.
func (j Job) id() string {
	data, _ := json.Marshal(j.Identity) // texts only
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}
