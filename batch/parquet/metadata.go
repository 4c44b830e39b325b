package parquet

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/infile"
)

// A Metadata is the path of the metadata.parquet of an imagefolder: the rows name the
// pictures, as those of a batch.Metadata do.
type Metadata string

// IsMetadata reports whether a path is one that Metadata reads, by its name.
func IsMetadata(path string) bool { return filepath.Base(path) == "metadata.parquet" }

// Items yields the pictures, as batch.Metadata does.
func (m Metadata) Items(ctx context.Context) iter.Seq2[batch.Item, error] {
	return func(yield func(batch.Item, error) bool) {
		if err := m.each(ctx, func(item batch.Item) bool { return yield(item, nil) }); err != nil {
			yield(batch.Item{}, fmt.Errorf("%s: %w", string(m), err))
		}
	}
}

// each calls do for each row until it returns false.
func (m Metadata) each(ctx context.Context, do func(batch.Item) bool) error {
	in, err := infile.Open(string(m))
	if err != nil {
		return err
	}
	defer in.Close()
	var t *table
	err = guard.Run(func() error { // against panics about broken files, here and below
		t, err = open(ctx, in, nameColumn)
		return err
	})
	if err != nil {
		return err
	}
	row := int64(0)
	for _, c := range t.chunks {
		for end := row + c.rows; row < end; row++ {
			var item batch.Item
			err := guard.Run(func() error {
				name, err := t.value(ctx, in, row)
				if err == nil {
					item, err = batch.Beside(string(m), string(name))
				}
				return err
			})
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			if err != nil {
				return fmt.Errorf("row %d: %w", row+1, err)
			}
			if !do(item) {
				return nil
			}
		}
	}
	return nil
}

// nameColumn finds the column of the pictures' names.
func nameColumn(root *parquet.Column) (*parquet.Column, error) {
	name := batch.MetadataColumn
	at := root.Column(name)
	switch {
	case at == nil:
		return nil, fmt.Errorf("no column %q, want one of the pictures' names; it has %s (for a table with pictures in it, give the file another name)", name, spell(root))
	case !at.Leaf() || at.MaxRepetitionLevel() > 0 || at.Type().Kind() != parquet.ByteArray:
		return nil, fmt.Errorf("column %q is of type %v, want texts", name, at.Type())
	}
	return at, nil
}
