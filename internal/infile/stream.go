package infile

import (
	"context"
	"io"
	"io/fs"
	"os"
)

// OpenStream opens a regular file or a pipe, such as the shell's <(COMMAND) makes. It
// waits until somebody writes to the pipe, or ctx ends; so does reading. The caller
// must close the result, and bound what is read.
func OpenStream(ctx context.Context, path string) (io.ReadCloser, error) {
	info, err := os.Stat(path) // opening a pipe and closing it would drive its writer away
	if err != nil || !IsPipe(info.Mode()) {
		f, err := Open(path) // or says what is wrong
		if err != nil {
			return nil, err // not a nil file in an interface
		}
		return f, nil
	}
	type result struct {
		f   *os.File
		err error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.Open(path)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		if r.err != nil {
			return nil, r.err
		}
		return &pipe{Reader: Reader(ctx, r.f), f: r.f}, nil
	case <-ctx.Done():
		go func() { // opens one day, or never
			if r := <-opened; r.err == nil {
				r.f.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// IsPipe reports whether a file of this mode is a pipe.
func IsPipe(mode fs.FileMode) bool { return mode&fs.ModeNamedPipe != 0 }

type pipe struct {
	io.Reader
	f *os.File
}

// Close closes the pipe, which also ends a read that is still under way.
func (p *pipe) Close() error { return p.f.Close() }

// Reader returns a reader of r whose Read returns when ctx ends, with its cause,
// though r may wait for ever, as standard input does. What r delivers afterwards is
// lost.
func Reader(ctx context.Context, r io.Reader) io.Reader {
	if ctx.Done() == nil {
		return r
	}
	return &reader{ctx: ctx, r: r, buf: make([]byte, 64<<10), read: make(chan chunk, 1)}
}

// A reader reads in a goroutine, into memory of its own: a read that is left alone
// may end at any time.
type reader struct {
	ctx  context.Context
	r    io.Reader
	buf  []byte
	rest []byte     // of buf, not handed out yet
	err  error      // follows rest
	read chan chunk // the result of the goroutine
}

type chunk struct {
	n   int
	err error
}

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	if len(r.rest) == 0 && r.err == nil {
		go func() {
			n, err := r.r.Read(r.buf)
			r.read <- chunk{n, err}
		}()
		select {
		case c := <-r.read:
			r.rest, r.err = r.buf[:c.n], c.err
		case <-r.ctx.Done():
			r.err = context.Cause(r.ctx)
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	if len(r.rest) > 0 {
		return n, nil
	}
	return n, r.err
}
