package batch

import (
	"bufio"
	"context"
	"runtime"

	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/newfile"
)

// finish puts the records into the order of the run's questions, with records of other
// questions after them, and leaves out lines that a later one replaces. A file that is in
// order already stays as it is. The new file gets its name when it is complete; if ctx ends
// before, the file stays, and has all records.
func (f *File) finish(ctx context.Context) error {
	f.whole = true
	inOrder, err := f.sorted(ctx)
	if err != nil {
		return err
	}
	if f.stale == 0 && inOrder {
		return f.file.Sync()
	}
	out, err := newfile.Create(f.path, true)
	if err != nil {
		return err
	}
	defer out.Close()
	w := bufio.NewWriterSize(out, 1<<20)
	for at := range f.order() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := infile.CopyPart(w, f.file, at.start, int64(at.length)); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // cannot replace an open file
		f.file.Close()
	}
	if err := out.Commit(); err != nil {
		return err
	}
	// The lock was on the file that is gone now; Close leaves the new one alone.
	f.file.Close()
	f.file, err = newfile.OpenShared(f.path) // Close syncs it, which Windows allows to who may write
	return err
}

// sorted reports whether the records lie in their order.
func (f *File) sorted(ctx context.Context) (bool, error) {
	last := int64(-1)
	for at := range f.order() {
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		if at.start < last {
			return false, nil
		}
		last = at.start
	}
	return true, nil
}
