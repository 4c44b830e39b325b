package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/parquet-go/parquet-go/format"

	"github.com/pgcli/paligemma/batch"
)

// A chunk is the column's part in a group of rows, as the headers of its pages describe it.
type chunk struct {
	rows  int64
	codec format.CompressionCodec
	most  int // greatest definition level
	pages []page
}

// A table is an open file, with the pages that were read last: rows that follow each other
// are mostly on one page. It is not safe for concurrent use.
type table struct {
	chunks     []*chunk
	dictionary loaded
	pages      [2]loaded // the last one first
}

// A loaded is a page that was read.
type loaded struct {
	of     *page // nil for none
	values *values
	err    error
}

// row returns the bytes of the picture in a row, of those of all groups. in is the file.
func (t *table) row(ctx context.Context, in io.ReaderAt, row int64) ([]byte, error) {
	data, err := t.value(ctx, in, row)
	switch {
	case err != nil:
		return nil, err
	case data == nil:
		return nil, errors.New("the row has no bytes of a picture, perhaps only its path")
	case len(data) > batch.MaxFile:
		return nil, fmt.Errorf("the picture has %d bytes, want at most %d", len(data), batch.MaxFile)
	}
	return append([]byte{}, data...), nil
}

// value returns the value of a row, which must not be changed; nil for none.
func (t *table) value(ctx context.Context, in io.ReaderAt, row int64) ([]byte, error) {
	left := row
	for _, c := range t.chunks {
		if left >= c.rows {
			left -= c.rows
			continue
		}
		p, err := c.page(left)
		if err != nil {
			return nil, err
		}
		v, err := t.load(ctx, in, c, p)
		if err != nil {
			return nil, fmt.Errorf("page at byte %d: %w", p.start, err)
		}
		data, err := v.row(left - p.first)
		if err != nil {
			return nil, fmt.Errorf("page at byte %d: %w", p.start, err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("the table has %d rows, and no row %d", row-left, row)
}

// page returns the page of a row of the group.
func (c *chunk) page(row int64) (*page, error) {
	n := sort.Search(len(c.pages), func(i int) bool { return c.pages[i].first > row }) - 1
	for n >= 0 && (c.pages[n].dictionary || c.pages[n].values == 0) {
		n--
	}
	if n < 0 || row >= c.pages[n].first+c.pages[n].values {
		return nil, fmt.Errorf("no page has row %d of its group", row)
	}
	return &c.pages[n], nil
}

// load returns the values of a page, which is read unless it was among the last ones.
func (t *table) load(ctx context.Context, in io.ReaderAt, c *chunk, p *page) (*values, error) {
	if t.pages[0].of != p && t.pages[1].of != p {
		t.pages[1] = t.pages[0]
		t.pages[0] = loaded{of: p}
		t.pages[0].values, t.pages[0].err = t.read(ctx, in, c, p)
		if err := context.Cause(ctx); err != nil && t.pages[0].err != nil {
			t.pages[0], t.dictionary = loaded{}, loaded{} // the file is not at fault: others may read it
			return nil, err
		}
	}
	if t.pages[0].of != p {
		t.pages[0], t.pages[1] = t.pages[1], t.pages[0]
	}
	return t.pages[0].values, t.pages[0].err
}

// read reads a page of rows, and the dictionary of its group first.
func (t *table) read(ctx context.Context, in io.ReaderAt, c *chunk, p *page) (*values, error) {
	var dictionary *values
	if d := &c.pages[0]; d.dictionary && (p.encoding == plainDictionary || p.encoding == format.RLEDictionary) {
		if t.dictionary.of != d {
			t.dictionary = loaded{of: d}
			data, _, err := d.unpack(ctx, in, c.codec)
			if err == nil {
				t.dictionary.values, err = dictionaryOf(d, data)
			}
			t.dictionary.err = err
		}
		if t.dictionary.err != nil {
			return nil, fmt.Errorf("its dictionary at byte %d: %w", d.start, t.dictionary.err)
		}
		dictionary = t.dictionary.values
	}
	data, levels, err := p.unpack(ctx, in, c.codec)
	if err != nil {
		return nil, err
	}
	return valuesOf(p, data, levels, c.most, dictionary)
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
