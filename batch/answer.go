package batch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	"slices"
	"strings"
	"time"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/overlay"
)

// prepare makes a picture for the model of a job's bytes, which it lets go. Questions
// with a record about these bytes are not asked.
func (r *run) prepare(j *job) {
	if j.failed != nil {
		return
	}
	data := j.data
	j.data = nil
	sum := sha256.Sum256(data)
	j.sha256 = hex.EncodeToString(sum[:])
	now := contentOf(j.sha256)
	j.ask = slices.DeleteFunc(j.ask, func(q question) bool {
		j.changed = j.changed || q.known && q.of != unread && q.of != now
		return q.known && (q.of == unread || q.of == now)
	})
	if len(j.ask) == 0 {
		return
	}
	if len(data) == 0 {
		j.failed = &record.Failure{Kind: record.KindDecode, Message: "the file is empty, want a picture"}
		return
	}
	err := guard.Run(func() error {
		picture, err := r.model.ReadImage(bytes.NewReader(data))
		if err != nil {
			return err
		}
		j.size = picture.Bounds().Size()
		j.picture, err = r.model.Prepare(picture)
		return err
	})
	if err != nil {
		j.failed = failure(record.KindDecode, err)
	}
}

// answer takes pictures, encodes each and asks its questions. The error is about a model
// that cannot go on, or the context.
func (r *run) answer(ctx context.Context, s **paligemma.Session, from, to chan *job) error {
	for {
		j, encoded, err := r.take(ctx, from)
		if j == nil || err != nil {
			return err
		}
		for _, q := range j.ask {
			rec := &record.Record{Key: q.key.String(), Image: j.item.Name, SHA256: j.sha256, Time: j.item.Time, Prompt: q.prompt, Model: r.out.id.Model, Error: j.failed}
			rec.Width, rec.Height = j.size.X, j.size.Y
			if encoded != nil {
				if err := r.ask(ctx, *s, encoded, rec); err != nil {
					return err
				}
			}
			if rec.Error != nil && rec.Error.Kind == record.KindInternal { // the session may be harmed
				(*s).Close()
				if *s, err = r.model.NewSession(); err != nil {
					return err
				}
			}
			j.records = append(j.records, rec)
		}
		if !send(ctx, to, j) {
			return nil
		}
	}
}

// take takes the next picture and encodes it. A picture that cannot be encoded comes
// without an Image, and has failed. The job is nil if there is no other.
func (r *run) take(ctx context.Context, from chan *job) (*job, *paligemma.Image, error) {
	j, ok := <-from
	if !ok || j.failed != nil || len(j.ask) == 0 {
		return j, nil, nil
	}
	encoded, err := j.picture.Encode(ctx)
	j.picture = nil
	if err == nil {
		return j, encoded, nil
	}
	if final(ctx, err) {
		return nil, nil, err
	}
	j.failed = failure(record.KindInternal, err)
	return j, nil, nil
}

// ask asks a question about a picture and fills in the record.
func (r *run) ask(ctx context.Context, s *paligemma.Session, img *paligemma.Image, rec *record.Record) error {
	start := time.Now()
	var sampling *paligemma.Sampling
	if r.opts.Sampling != nil {
		sampling = r.opts.Sampling(rec.Prompt)
	}
	answer, err := s.Run(ctx, []*paligemma.Image{img}, rec.Prompt, sampling)
	switch {
	case err == nil:
		answer.Timings.Encode = img.Took()
		rec.Result, rec.Masks = answer, masks(answer.Objects, img.Bounds().Size())
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

// final reports whether an error leaves nothing to be asked.
func final(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, paligemma.ErrFileChanged) || errors.Is(err, paligemma.ErrClosed)
}

// failure makes a failure of an error.
func failure(kind record.Kind, err error) *record.Failure {
	return &record.Failure{Kind: kind, Message: strings.ToValidUTF8(strings.TrimPrefix(err.Error(), "paligemma: "), "\ufffd")}
}

// masks returns the objects' masks; nil if none has one.
func masks(objects []paligemma.Object, size image.Point) []*record.Mask {
	all := make([]*record.Mask, len(objects))
	found := false
	for i, o := range objects {
		all[i] = overlay.EncodeMask(o.Mask, size)
		found = found || all[i] != nil
	}
	if !found {
		return nil
	}
	return all
}
