package batch

import (
	"bufio"
	"io"
	"runtime"

	"github.com/pgcli/paligemma/batch/record"
	"github.com/pgcli/paligemma/internal/newfile"
)

// finish puts the records into the order of keys, those of other pictures and prompts
// after them, and leaves out lines that a later one replaces. A file that is so already
// stays. The new file gets its name when it is complete.
func (f *File) finish(keys []record.Key) error {
	f.whole = true
	order := make([]record.Key, 0, len(f.order))
	asked := make(map[record.Key]bool, len(keys))
	for _, k := range keys {
		if _, ok := f.records[k]; ok && !asked[k] {
			asked[k], order = true, append(order, k)
		}
	}
	for _, k := range f.order {
		if !asked[k] {
			order = append(order, k)
		}
	}
	if f.stale == 0 && f.sorted(order) {
		return f.file.Sync()
	}
	out, err := newfile.Create(f.path, true)
	if err != nil {
		return err
	}
	defer out.Close()
	w := bufio.NewWriterSize(out, 1<<20)
	for _, k := range order {
		at := f.records[k]
		if _, err := io.Copy(w, io.NewSectionReader(f.file, at.start, int64(at.length))); err != nil {
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

// sorted reports whether the records lie in an order.
func (f *File) sorted(order []record.Key) bool {
	at := int64(-1)
	for _, k := range order {
		start := f.records[k].start
		if start < at {
			return false
		}
		at = start
	}
	return true
}
