package flags

import (
	"context"
	"fmt"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/batch/parquet"
	"github.com/pgcli/paligemma/batch/video"
	"github.com/pgcli/paligemma/internal/legible"
)

// check refuses a source that has no pictures, or cannot be read, if that shows before its
// pictures are read.
func (in *Inputs) check(source batch.Source) error {
	switch s := source.(type) {
	case batch.Folder:
		pictures, others, err := s.Look(in.c.Context)
		switch {
		case err != nil:
			return fmt.Errorf("folder %w", err)
		case pictures == 0:
			return fmt.Errorf("folder %s has no pictures, among %d files", string(s), others)
		case others > 0:
			fmt.Fprintf(in.c.App.ErrWriter, "%s: %s: left out %d of %d files, which are not named as pictures\n", in.c.App.Name, legible.Text(string(s)), others, pictures+others)
		}
	case batch.Metadata, parquet.Metadata:
		return named(in.c.Context, s)
	case video.Video:
		return video.Check()
	}
	return nil
}

// named refuses metadata without a row, or with one that names no picture.
func named(ctx context.Context, s batch.Source) error {
	rows := 0
	for _, err := range s.Items(ctx) {
		if err != nil {
			return err
		}
		if rows++; ctx.Err() != nil {
			break
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if rows == 0 {
		return fmt.Errorf("%v has no rows, want names of pictures", s)
	}
	return nil
}
