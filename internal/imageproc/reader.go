package imageproc

import (
	"bytes"
	"context"
	"io"

	"github.com/pgcli/paligemma/internal/infile"
)

// reading returns a reader of parts of a file, one after the other, that fails once ctx is
// over, so that the decoder ends too.
func reading(ctx context.Context, parts ...[]byte) io.Reader {
	all := make([]io.Reader, len(parts))
	for i, p := range parts {
		all[i] = bytes.NewReader(p)
	}
	return infile.Checked(ctx, io.MultiReader(all...))
}

// pieces hands out a few bytes at a time, so that a decoder of a progressive JPEG soon reads
// again: 180 bytes may be a scan of 100 million pixels.
type pieces struct{ io.Reader }

// piece is the most bytes of a piece.
const piece = 128

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), piece)]) }
