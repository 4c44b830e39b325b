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

// pieces hands out a few bytes at a time, so that a decoder of a progressive JPEG soon reads
// again: 180 bytes may be a scan of 100 million pixels.
type pieces struct{ io.Reader }

// piece is the most bytes of a piece.
const piece = 128

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), piece)]) }
