package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pgcli/paligemma/batch"
)

// A chunk is the column's part in a group of rows, with what the headers of its pages say.
type chunk struct {
	parquet.ColumnChunk
	in    io.ReaderAt
	codec format.CompressionCodec
	most  int // definition level
	pages []page
}

// check checks the pages.
func (c *chunk) check() error {
	for _, p := range c.pages {
		if err := p.check(c.in, c.codec, c.most); err != nil {
			return err
		}
	}
	return nil
}

// rows reads values of a column's part in a row group. Reading them in their order reads
// each page once.
type rows struct {
	chunk  *chunk
	looked bool  // at the pages
	broken error // of the look
	pages  parquet.Pages
	page   parquet.Page // nil before the first
	values parquet.ValueReader
	next   int64 // row that values has next
}

// read returns the bytes of row i.
func (r *rows) read(i int64) ([]byte, error) {
	if r.pages == nil || i < r.next {
		if err := r.close(); err != nil {
			return nil, err
		}
		if !r.looked {
			r.looked, r.broken = true, r.chunk.check()
		}
		if r.broken != nil {
			return nil, r.broken
		}
		r.pages, r.next = r.chunk.Pages(), 0
	}
	var buf [64]parquet.Value
	for {
		if r.page == nil {
			page, err := r.pages.ReadPage()
			if err != nil {
				return nil, fmt.Errorf("row %d of its group: %w", i, noEOF(err))
			}
			if n := page.NumRows(); r.next+n <= i {
				r.next += n
				parquet.Release(page)
				continue
			}
			r.page, r.values = page, page.Values()
		}
		n, err := r.values.ReadValues(buf[:min(int64(len(buf)), i-r.next+1)])
		r.next += int64(n)
		if n > 0 && r.next == i+1 {
			return picture(buf[n-1])
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err == io.EOF || n == 0 {
			parquet.Release(r.page)
			r.page = nil
		}
	}
}

// picture copies a value's bytes.
func picture(v parquet.Value) ([]byte, error) {
	switch {
	case v.IsNull():
		return nil, errors.New("the row has no bytes of a picture, perhaps only its path")
	case len(v.ByteArray()) > batch.MaxFile:
		return nil, fmt.Errorf("the picture has %d bytes, want at most %d", len(v.ByteArray()), batch.MaxFile)
	}
	return append([]byte{}, v.ByteArray()...), nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// close lets go of the pages.
func (r *rows) close() error {
	if r.page != nil {
		parquet.Release(r.page)
		r.page = nil
	}
	if r.pages == nil {
		return nil
	}
	err := r.pages.Close()
	r.pages = nil
	return err
}
