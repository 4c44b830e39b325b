package infile

import (
	"context"
	"io"
)

// checkedBytes is the most that is read between two looks at a context.
const checkedBytes = 1 << 20

// Checked returns a reader of r that fails with the cause of ctx once ctx is over. It looks
// at ctx before every read, which is of at most a MiB. It is for files, which do not let a
// read wait; for streams there is [Reader].
func Checked(ctx context.Context, r io.Reader) io.Reader { return checked{ctx, r} }

type checked struct {
	ctx context.Context
	r   io.Reader
}

func (c checked) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p[:min(len(p), checkedBytes)])
}

// CheckedAt is [Checked] for reads at an offset.
func CheckedAt(ctx context.Context, r io.ReaderAt) io.ReaderAt { return checkedAt{ctx, r} }

type checkedAt struct {
	ctx context.Context
	r   io.ReaderAt
}

func (c checkedAt) ReadAt(p []byte, at int64) (n int, err error) {
	for {
		if err := context.Cause(c.ctx); err != nil {
			return n, err
		}
		k, err := c.r.ReadAt(p[n:min(len(p), n+checkedBytes)], at+int64(n))
		if n += k; err != nil || n == len(p) {
			return n, err
		}
	}
}
