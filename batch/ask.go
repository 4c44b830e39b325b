package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
)

// An Asker asks about single pictures, for programs that take them from elsewhere than a
// Source and keep records elsewhere than in a File. It is safe for concurrent use.
type Asker struct {
	model    *paligemma.Model
	id       Identity
	sampling func(paligemma.Prompt) *paligemma.Sampling
	sessions chan *paligemma.Session // that are free; nil for one that is to be opened again
	decoding chan struct{}           // a place for each picture that is decoded
	opened   int                     // sessions
}

// NewAsker opens a session for each of at most n pictures that are asked about at a time,
// or as many as the memory has room for. If these are fewer, fewer says why. sampling is
// as in Options; n is 1 to 1024. The caller must Close the Asker, before the model.
func NewAsker(m *paligemma.Model, id Identity, n int, sampling func(paligemma.Prompt) *paligemma.Sampling) (a *Asker, fewer, err error) {
	if n < 1 || n > maxParallel {
		return nil, nil, fmt.Errorf("batch: %d pictures at a time, want 1 to %d", n, maxParallel)
	}
	a = &Asker{model: m, id: id, sampling: sampling, sessions: make(chan *paligemma.Session, n), decoding: make(chan struct{}, decoders)}
	for range n {
		s, err := m.NewSession()
		if err != nil && len(a.sessions) > 0 {
			return a, err, nil
		}
		if err != nil {
			return nil, nil, err
		}
		a.sessions <- s
		a.opened++
	}
	return a, nil, nil
}

// Parallel returns the number of pictures that are asked about at a time.
func (a *Asker) Parallel() int { return a.opened }

// Ask reads a picture and asks the prompts about it, as Run does: the records are the
// same. A failure about the picture is in the records; the error is about the context, or
// a model that cannot go on. It waits while Parallel other pictures are asked about.
func (a *Asker) Ask(ctx context.Context, item Item, prompts []paligemma.Prompt) ([]*record.Record, error) {
	j := &job{item: Named(item)}
	for _, p := range prompts {
		j.ask = append(j.ask, question{key: a.id.key(j.item.Name, p), prompt: p})
	}
	err := a.prepare(ctx, j)
	var encoded *paligemma.Image
	if err == nil {
		encoded, err = a.encode(ctx, j)
	}
	if err == nil {
		err = a.records(ctx, j, encoded)
	}
	return j.records, err
}

// prepare reads a job's picture and makes it ready for the model. Few pictures are decoded
// at a time, as they are large.
func (a *Asker) prepare(ctx context.Context, j *job) error {
	select {
	case a.decoding <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-a.decoding }()
	j.read(ctx)
	j.prepare(ctx, a.model)
	return nil
}

// encode encodes the picture of a job that has questions. If the picture cannot be encoded,
// the job has failed, and the Image is nil.
func (a *Asker) encode(ctx context.Context, j *job) (*paligemma.Image, error) {
	if j.failed != nil || len(j.ask) == 0 {
		return nil, nil
	}
	encoded, err := j.picture.Encode(ctx)
	j.picture = nil
	if err == nil {
		return encoded, nil
	}
	if final(ctx, err) {
		return nil, err
	}
	j.failed = failure(record.KindInternal, err)
	return nil, nil
}

// records asks a job's questions about its picture; nil if that has failed.
func (a *Asker) records(ctx context.Context, j *job, encoded *paligemma.Image) error {
	if len(j.ask) == 0 { // a free session is not waited for
		return nil
	}
	if err := context.Cause(ctx); err != nil { // which may be why the job failed: no fault of the picture
		return err
	}
	var s *paligemma.Session
	select {
	case s = <-a.sessions:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { a.sessions <- s }()
	if s == nil { // its last user had to close it, and could open none
		var err error
		if s, err = a.model.NewSession(); err != nil {
			return err
		}
	}
	for _, q := range j.ask {
		rec := &record.Record{Key: q.key.String(), Image: j.item.Name, SHA256: j.sha256, Time: j.item.Time, Prompt: q.prompt, Model: a.id.Model, Error: j.failed}
		rec.Width, rec.Height = j.size.X, j.size.Y
		if encoded != nil {
			if err := a.ask(ctx, s, encoded, rec); err != nil {
				return err
			}
		}
		if rec.Error != nil && rec.Error.Kind == record.KindInternal { // the session may be harmed
			s.Close() // first: there may be no room for both
			var err error
			if s, err = a.model.NewSession(); err != nil {
				return err
			}
		}
		j.records = append(j.records, writable(rec))
	}
	return nil
}

// writable returns a record, or that of a failure if its answer is too long for a line: it
// ends no run, and is not computed again by the next one.
func writable(r *record.Record) *record.Record {
	_, err := record.Encode(r)
	if !errors.Is(err, record.ErrTooLarge) || r.Error != nil {
		return r
	}
	short := *r
	short.Result, short.Masks, short.Error = nil, nil, failure(record.KindInternal, fmt.Errorf("an answer of %d tokens: %w; allow fewer tokens", len(r.Tokens), err))
	return &short
}

// ask asks a question about a picture and fills in the record.
func (a *Asker) ask(ctx context.Context, s *paligemma.Session, img *paligemma.Image, rec *record.Record) error {
	start := time.Now()
	var sampling paligemma.Sampling
	if a.sampling != nil {
		if s := a.sampling(rec.Prompt); s != nil {
			sampling = *s
		}
	}
	sampling.NoMasks = true // all of a large picture do not fit in the memory
	answer, err := s.Run(ctx, []*paligemma.Image{img}, rec.Prompt, &sampling)
	var masks []*record.Mask
	if err == nil {
		masks, err = a.masks(ctx, answer.Objects, img.Bounds().Size())
	}
	switch {
	case err == nil:
		answer.Timings.Encode = img.Took()
		rec.Result, rec.Masks = answer, masks
		rec.MS = float64(time.Since(start).Microseconds()) / 1e3
		return nil
	case final(ctx, err):
		return err
	case errors.Is(err, paligemma.ErrContextFull):
		rec.Error = failure(record.KindContext, err)
	default:
		rec.Error = failure(record.KindInternal, err)
	}
	return nil
}

// Close closes the sessions. No Ask may run meanwhile, or follow. It is safe on nil, and
// may be called again.
func (a *Asker) Close() error {
	var errs []error
	for a != nil && len(a.sessions) > 0 {
		errs = append(errs, (<-a.sessions).Close())
	}
	return errors.Join(errs...)
}
