// Package parquet finds pictures in a column of Parquet files, which most data sets of the
// Hugging Face Hub are, as a source of package batch:
//
//	sources := []batch.Source{parquet.File{Path: "train-00000-of-00001.parquet", Column: "image"}}
//
// It is a package of its own because the library for such files is large.
package parquet

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/infile"
)

// A File is a Parquet file with a column of pictures: of their files' bytes, or, as
// datasets.Image of Hugging Face is written, of structures with members bytes and path.
// The pictures' names are the file's, #, and the row's number from 0.
type File struct {
	Path   string
	Column string // its name; members of structures follow dots. "" means DefaultColumn
}

// DefaultColumn is File.Column if that is "".
const DefaultColumn = "image"

// IsParquet reports whether a name has the ending of Parquet files.
func IsParquet(name string) bool { return strings.EqualFold(path.Ext(name), ".parquet") }

// Items yields the rows. Their bytes are read by Item.Read alone. Held are a dictionary and
// two pages of the column, which most writers limit to a few megabytes. A page is refused above
// 1 GiB in the file, and above 64 MiB and 4 times that without compression. A row without bytes is an item whose Read fails.
func (f File) Items(ctx context.Context) iter.Seq2[batch.Item, error] {
	return func(yield func(batch.Item, error) bool) {
		if err := f.each(ctx, func(item batch.Item) bool { return yield(item, nil) }); err != nil {
			yield(batch.Item{}, fmt.Errorf("%s: %w", f.Path, err))
		}
	}
}

// each calls do for each row until it returns false.
func (f File) each(ctx context.Context, do func(batch.Item) bool) error {
	in, err := infile.Open(f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	var table *table
	err = guard.Run(func() error { // against panics about broken files, here and in Read
		table, err = f.open(ctx, in)
		return err
	})
	if err != nil {
		return err
	}
	info, err := in.Stat()
	if err != nil {
		return err
	}
	refer := func() (batch.Reference, error) {
		return batch.Reference{File: f.Path, Version: batch.FileVersion(info), Column: f.Column}, nil
	}
	row := int64(0)
	for _, c := range table.chunks {
		for end := row + c.rows; row < end; row++ {
			own := row
			item := batch.Item{Name: fmt.Sprintf("%s#%d", f.Path, own), Refer: refer, Read: func(ctx context.Context) (data []byte, err error) {
				err = guard.Run(func() error { data, err = table.row(ctx, in, own); return err })
				return data, err
			}}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			if !do(item) {
				return nil
			}
		}
	}
	return nil
}

func (f File) open(ctx context.Context, in *os.File) (*table, error) { return open(ctx, in, f.column) }

// open reads the file's end, finds the part of a column in each group of rows, and reads the
// headers of its pages. find returns the column's leaf.
func open(ctx context.Context, in *os.File, find func(root *parquet.Column) (*parquet.Column, error)) (*table, error) {
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkEnd(in, info.Size()); err != nil {
		return nil, fmt.Errorf("no Parquet file that can be read: %w", err)
	}
	file, err := parquet.OpenFile(in, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true), parquet.ReadBufferSize(1<<16))
	if err != nil {
		return nil, fmt.Errorf("no Parquet file that can be read: %w", err)
	}
	leaf, err := find(file.Root())
	if err != nil {
		return nil, err
	}
	t, pages := &table{}, &finder{in: in, size: info.Size()}
	parts := make([]*format.ColumnMetaData, len(file.RowGroups()))
	for i := range parts {
		parts[i] = &file.Metadata().RowGroups[i].Columns[leaf.Index()].MetaData
	}
	if err := pages.apart(parts); err != nil {
		return nil, fmt.Errorf("column %q: %w", leaf.Name(), err)
	}
	for i, group := range file.RowGroups() {
		of := parts[i]
		if of.NumValues != group.NumRows() {
			return nil, fmt.Errorf("group %d has %d rows, but column %q has %d values in it", i, group.NumRows(), leaf.Name(), of.NumValues)
		}
		c := &chunk{rows: of.NumValues, codec: of.Codec, most: leaf.MaxDefinitionLevel()}
		if c.pages, err = pages.pagesOf(ctx, of); err != nil {
			return nil, fmt.Errorf("group %d, column %q: %w", i, leaf.Name(), err)
		}
		t.chunks = append(t.chunks, c)
	}
	return t, nil
}

// column finds the column of the pictures' bytes.
func (f File) column(root *parquet.Column) (*parquet.Column, error) {
	name := f.Column
	if name == "" {
		name = DefaultColumn
	}
	at := root
	for part := range strings.SplitSeq(name, ".") {
		if at = at.Column(part); at == nil {
			return nil, fmt.Errorf("no column %q, want one of pictures; it has %s", name, spell(root))
		}
	}
	if !at.Leaf() {
		if at = at.Column("bytes"); at == nil {
			return nil, fmt.Errorf("column %q is a structure without a member bytes, want pictures; it has %s", name, spell(root))
		}
	}
	switch {
	case at.MaxRepetitionLevel() > 0:
		return nil, fmt.Errorf("column %q has lists, want one picture in each row", name)
	case !at.Leaf() || at.Type().Kind() != parquet.ByteArray || at.Type().LogicalType() != nil:
		return nil, fmt.Errorf("column %q is of type %v, want bytes of pictures; it has %s", name, at.Type(), spell(root))
	}
	return at, nil
}

// spell spells the names of columns.
func spell(root *parquet.Column) string {
	var names []string
	for _, c := range root.Columns() {
		names = append(names, fmt.Sprintf("%q", c.Name()))
		if len(names) == 20 {
			names = append(names, "...")
			break
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
