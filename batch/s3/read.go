package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/infile"
)

// tries is how often an object is read whose connection ends early. Requests that are
// not answered are repeated by the client itself.
const tries = 3

// Read returns the bytes of an object, by its name s3://bucket/key.
func (s *Store) Read(ctx context.Context, name string) ([]byte, error) {
	o, err := s.Objects(name)
	if err != nil {
		return nil, err
	}
	info, err := s.core.StatObject(ctx, o.Bucket, o.Prefix, minio.StatObjectOptions{})
	if err != nil {
		return nil, explain(err)
	}
	info.Key = o.Prefix
	return s.read(ctx, o.Bucket, info)
}

// read reads an object as it was listed.
func (s *Store) read(ctx context.Context, bucket string, info minio.ObjectInfo) (data []byte, err error) {
	for n := range tries {
		if n > 0 {
			select {
			case <-time.After(time.Duration(n) * time.Second / 2):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		var again bool
		if data, again, err = s.try(ctx, bucket, info); err == nil || !again || ctx.Err() != nil {
			break
		}
	}
	return data, err
}

// errStalled is about a connection that is open and sends nothing.
var errStalled = errors.New("the server sends nothing more")

// try reads an object once, and tells whether another try may help.
func (s *Store) try(ctx context.Context, bucket string, info minio.ObjectInfo) (data []byte, again bool, err error) {
	if info.Size > batch.MaxFile {
		return nil, false, fmt.Errorf("the object has %d bytes, want at most %d", info.Size, batch.MaxFile)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(s.patience, func() { cancel(fmt.Errorf("%w in %v", errStalled, s.patience)) })
	defer stalled.Stop()
	var opts minio.GetObjectOptions
	if info.ETag != "" {
		if err := opts.SetMatchETag(info.ETag); err != nil {
			return nil, false, err
		}
	}
	body, _, _, err := s.core.GetObject(ctx, bucket, info.Key, opts)
	if err != nil {
		return nil, ctx.Err() != nil, because(ctx, explain(err))
	}
	defer body.Close()
	data, err = infile.ReadAll(&progress{body, stalled, s.patience}, info.Size, batch.MaxFile)
	if err == nil && int64(len(data)) != info.Size {
		err = fmt.Errorf("%d bytes came: %w", len(data), io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, true, because(ctx, fmt.Errorf("the object of %d bytes came in part: %w", info.Size, err))
	}
	return data, false, nil
}

// because returns the reason of a context that has ended in place of an error.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// progress postpones a timer while bytes come.
type progress struct {
	in       io.Reader
	timer    *time.Timer
	patience time.Duration
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	if n > 0 {
		p.timer.Reset(p.patience)
	}
	return n, err
}
