package parquet

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/guard"
)

// Tables read single rows of files, for programs that do not go through them in order. They
// keep what they have read of the last files: their ends, and for each two pages and a
// dictionary. The zero value is ready. They are safe for concurrent use.
type Tables struct {
	mu   sync.Mutex
	last [4]*opened // the latest first
}

// An opened is a file that was opened before.
type opened struct {
	file    File
	version string
	mu      sync.Mutex // guards what follows
	tried   bool
	table   *table
	err     error
}

// Row returns the bytes of a row of the open file in, which lies at f.Path. member is its
// number, as in the picture's name. A reader whose ctx ends leaves the file to others.
func (t *Tables) Row(ctx context.Context, in *os.File, f File, member string) (data []byte, err error) {
	row, err := strconv.ParseInt(member, 10, 64)
	if err != nil || row < 0 || strconv.FormatInt(row, 10) != member {
		return nil, fmt.Errorf("row %.40q is no number from 0", member)
	}
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	o := t.find(f, batch.FileVersion(info))
	err = guard.Run(func() error {
		o.mu.Lock()
		defer o.mu.Unlock()
		if !o.tried {
			o.tried, o.err = true, fmt.Errorf("%s could not be opened", f.Path) // if opening panics
			o.table, o.err = f.open(ctx, in)
			if cause := context.Cause(ctx); cause != nil {
				o.tried = false
				return cause
			}
		}
		if o.err != nil {
			return o.err
		}
		data, err = o.table.row(ctx, in, row)
		return err
	})
	return data, err
}

// find returns a file as it was opened, or is to be.
func (t *Tables) find(f File, version string) *opened {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := len(t.last) - 1 // the oldest is forgotten
	found := &opened{file: f, version: version}
	for i, o := range t.last {
		if o != nil && o.file == f && o.version == version {
			at, found = i, o
			break
		}
	}
	copy(t.last[1:at+1], t.last[:at])
	t.last[0] = found
	return found
}
