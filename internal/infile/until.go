package infile

import (
	"context"
	"io"
)

// untilBytes is how much is read between two looks: a slow disk has it in a tenth of a second.
const untilBytes = 1 << 20

// Until returns a reader of r that looks at ctx before each Read, of 1 MiB at most, and fails
// with its cause when it has ended. It is for files, which are always ready; see Reader for
// what may wait.
func Until(ctx context.Context, r io.Reader) io.Reader { return until{ctx, r} }

type until struct {
	ctx context.Context
	r   io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := context.Cause(u.ctx); err != nil {
		return 0, err
	}
	return u.r.Read(p[:min(len(p), untilBytes)])
}
