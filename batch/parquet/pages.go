package parquet

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Bounds of a page. The library makes room for all that a header claims, and for all that
// a page grows to.
const (
	maxHeader = 16 << 20 // bytes; some writers put the least and the greatest value there
	maxPage   = 1 << 30  // bytes of the values, without compression
	maxRows   = 1 << 21
)

// A page is one of a column's part in a group of rows, as its header describes it.
type page struct {
	dictionary bool
	start      int64 // of its levels and values, in the file
	length     int64 // of these in the file
	size       int64 // of these that its header claims, without compression
	values     int64
	encoding   format.Encoding
	levels     int64 // bytes of levels before compressed values; -1 if they are compressed with them
	repetition int64 // of these, bytes of levels of repetition, which the column has none of
	packed     bool
	bitPacked  bool  // levels, as the oldest writers have them
	first      int64 // row of its group
}

// maxItems bounds the items of all lists of a file's end: columns, groups of rows, and so on.
const maxItems = 1 << 20

// checkEnd refuses a file whose end claims lists of more items than it has bytes for, or
// than any table needs. The library makes room for what a list claims.
func checkEnd(in io.ReaderAt, size int64) error {
	var tail [8]byte // the length of the description, and a mark
	if _, err := in.ReadAt(tail[:], max(0, size-8)); err != nil || size < 12 || string(tail[4:]) != "PAR1" {
		return fmt.Errorf("it has %d bytes and ends with %q, want PAR1", size, tail[4:])
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-12 {
		return fmt.Errorf("its end claims to have %d bytes, and the file has %d", n, size)
	}
	data := make([]byte, n)
	if _, err := in.ReadAt(data, size-8-n); err != nil {
		return err
	}
	items := 0
	r := counted{new(thrift.CompactProtocol).NewReaderFromBytes(data), &items}
	if err := thrift.NewDecoder(r).Decode(&struct{}{}); err != nil { // passes over all
		return fmt.Errorf("its end: %w", noEOF(err))
	}
	return nil
}

// counted counts the items of lists.
type counted struct {
	thrift.BytesReader
	items *int
}

// Discard passes over bytes, as the decoder does by an interface of its own.
func (c counted) Discard(n int) (int, error) {
	return c.BytesReader.(interface{ Discard(int) (int, error) }).Discard(n)
}

func (c counted) ReadList() (thrift.List, error) {
	l, err := c.BytesReader.ReadList()
	if *c.items += int(l.Size); err == nil && *c.items > maxItems {
		err = fmt.Errorf("its lists claim %d items or more, want at most %d", *c.items, maxItems)
	}
	return l, err
}

// pagesOf reads the headers of a column's part, which is of a file of size bytes. One that
// claims more than there is, or than a page of pictures may have, is an error.
func pagesOf(ctx context.Context, in io.ReaderAt, size int64, of *format.ColumnMetaData) (all []page, err error) {
	at := of.DataPageOffset
	if of.DictionaryPageOffset != 0 {
		at = of.DictionaryPageOffset
	}
	end := at + of.TotalCompressedSize
	if at < 0 || of.TotalCompressedSize < 0 || at > size || of.TotalCompressedSize > size-at {
		return nil, fmt.Errorf("its pages are said to be the %d bytes after byte %d, and the file has %d", of.TotalCompressedSize, at, size)
	}
	for rows := int64(0); rows < of.NumValues; {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if at >= end {
			return nil, fmt.Errorf("its pages have %d of %d rows", rows, of.NumValues)
		}
		h, length, err := header(in, at, end)
		if err != nil {
			return nil, fmt.Errorf("page at byte %d: its header: %w", at, err)
		}
		p := newPage(h, at+length, of.Codec != format.Uncompressed)
		switch {
		case p.length < max(0, p.levels) || p.start+p.length > end:
			return nil, fmt.Errorf("page at byte %d claims to have %d bytes, and %d are left of its part of the file", at, p.length, end-at-length)
		case p.size < max(0, p.levels) || p.size > maxPage:
			return nil, fmt.Errorf("page at byte %d claims to have %d bytes without compression, want at most %d", at, p.size, maxPage)
		case p.values < 0 || p.values > maxRows:
			return nil, fmt.Errorf("page at byte %d claims to have %d rows, want at most %d", at, p.values, maxRows)
		}
		p.first = rows
		if !p.dictionary {
			rows += p.values
		}
		all, at = append(all, p), p.start+p.length
	}
	return all, nil
}

// newPage returns the page of a header.
func newPage(h *format.PageHeader, start int64, packed bool) page {
	p := page{dictionary: h.Type == format.DictionaryPage, start: start, length: int64(h.CompressedPageSize), size: int64(h.UncompressedPageSize), levels: -1, packed: packed}
	switch {
	case h.DataPageHeader.Valid:
		v := &h.DataPageHeader.V
		p.values, p.encoding, p.bitPacked = int64(v.NumValues), v.Encoding, v.DefinitionLevelEncoding == format.BitPacked
	case h.DictionaryPageHeader.Valid:
		v := &h.DictionaryPageHeader.V
		p.values, p.encoding = int64(v.NumValues), v.Encoding
	case h.DataPageHeaderV2.Valid:
		v := &h.DataPageHeaderV2.V
		p.values, p.encoding, p.repetition = int64(v.NumValues), v.Encoding, max(0, int64(v.RepetitionLevelsByteLength))
		p.levels = p.repetition + max(0, int64(v.DefinitionLevelsByteLength))
		p.packed = packed && (!v.IsCompressed.Valid || v.IsCompressed.V)
	}
	return p
}

// header reads the header of a page, and returns its length.
func header(in io.ReaderAt, at, end int64) (h *format.PageHeader, length int64, err error) {
	for most := int64(4 << 10); ; most *= 16 {
		data := make([]byte, min(most, maxHeader, end-at))
		if _, err := in.ReadAt(data, at); err != nil {
			return nil, 0, err
		}
		h = new(format.PageHeader)
		r := new(thrift.CompactProtocol).NewReaderFromBytes(data) // claims of texts are bounded by the data
		err := thrift.NewDecoder(r).Decode(h)
		if err == nil {
			left, _ := io.Copy(io.Discard, r.Reader())
			return h, int64(len(data)) - left, nil
		}
		if len(data) < int(most) || len(data) == maxHeader {
			return nil, 0, noEOF(err)
		}
	}
}
