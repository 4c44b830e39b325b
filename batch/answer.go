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

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/overlay"
)

// read reads the bytes of a job's picture. If that fails, the picture's
// earlier records stay.
func (j *job) read(ctx context.Context) {
	err := errors.New("its source gives no way to read it: Item.Read is nil")
	if j.item.Read != nil {
		j.data, err = j.item.Read(ctx)
	}
	if err != nil {
		j.failed = failure(record.KindRead, err)
		j.ask = slices.DeleteFunc(j.ask, func(q question) bool { return q.known })
	}
}

// compare leaves out questions with a record about the bytes that were read. It reports
// whether any is left.
func (j *job) compare() bool {
	sum := sha256.Sum256(j.data)
	j.sha256 = hex.EncodeToString(sum[:])
	now := record.ContentOf(j.sha256)
	j.ask = slices.DeleteFunc(j.ask, func(q question) bool {
		j.changed = j.changed || q.known && q.of != record.Unread && q.of != now
		return q.known && (q.of == record.Unread || q.of == now)
	})
	return len(j.ask) > 0
}

// prepare decodes a job's bytes and stretches the picture for the model. It lets the bytes go.
func (j *job) prepare(ctx context.Context, m *paligemma.Model) {
	if j.failed != nil || !j.compare() {
		j.data = nil
		return
	}
	data := j.data
	j.data = nil
	if len(data) == 0 {
		j.failed = &record.Failure{Kind: record.KindDecode, Message: "the file is empty, want a picture"}
		return
	}
	err := guard.Run(func() error {
		picture, err := m.ReadImageContext(ctx, bytes.NewReader(data))
		if err != nil {
			return err
		}
		j.size = picture.Bounds().Size()
		j.picture, err = m.Prepare(ctx, picture)
		return err
	})
	if err != nil {
		j.failed = failure(record.KindDecode, err)
	}
}

// final reports whether an error leaves nothing to be asked.
func final(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, paligemma.ErrFileChanged) || errors.Is(err, paligemma.ErrClosed)
}

// failure makes a failure of an error.
func failure(kind record.Kind, err error) *record.Failure {
	return &record.Failure{Kind: kind, Message: strings.ToValidUTF8(strings.TrimPrefix(err.Error(), "paligemma: "), "\ufffd")}
}

// masks returns the masks of objects of a picture of a size; nil if none has one. The error is
// ctx's cause, or that of EachMask.
func (a *Asker) masks(ctx context.Context, objects []paligemma.Object, size image.Point) ([]*record.Mask, error) {
	all := make([]*record.Mask, len(objects))
	found := false
	err := a.model.EachMask(ctx, objects, func(i int, mask *image.Alpha) (err error) {
		all[i], err = overlay.EncodeMask(ctx, mask, size)
		found = found || all[i] != nil
		return err
	})
	if !found || err != nil {
		return nil, err
	}
	return all, nil
}
