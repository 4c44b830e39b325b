package imageproc

import (
	"bytes"
	"context"
	"io"
)

// A reader reads parts of a file until ctx ends: then it fails, and the decoder ends too.
type reader struct {
	ctx context.Context
	io.Reader
}

// reading returns a reader of parts of a file, one after the other.
func reading(ctx context.Context, parts ...[]byte) io.Reader {
	all := make([]io.Reader, len(parts))
	for i, p := range parts {
		all[i] = bytes.NewReader(p)
	}
	return &reader{ctx, io.MultiReader(all...)}
}

func (r *reader) Read(b []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
