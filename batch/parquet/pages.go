package parquet

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Bounds of a page. The library makes room for all that a header claims, and for all that
// a page grows to.
const (
	maxHeader = 16 << 20 // bytes; some writers put the least and the greatest value there
	maxPage   = 1 << 30  // bytes of the values, without compression
	maxRows   = 1 << 24
)

// A page is one of a column's part in a group of rows.
type page struct {
	start  int64 // of its values, in the file
	length int64 // in the file
	size   int64 // that its header claims, without compression
	packed bool
}

// pagesOf reads the headers of a column's part, which is of a file of size bytes. One that
// claims more than there is, or than a page of pictures may have, is an error.
func pagesOf(in io.ReaderAt, size int64, of *format.ColumnMetaData) (all []page, err error) {
	at := of.DataPageOffset
	if of.DictionaryPageOffset != 0 {
		at = of.DictionaryPageOffset
	}
	end := at + of.TotalCompressedSize
	if at < 0 || of.TotalCompressedSize < 0 || end > size {
		return nil, fmt.Errorf("its pages are said to be the %d bytes after byte %d, and the file has %d", of.TotalCompressedSize, at, size)
	}
	for rows := int64(0); rows < of.NumValues; {
		if at >= end {
			return nil, fmt.Errorf("its pages have %d of %d rows", rows, of.NumValues)
		}
		h, length, err := header(in, at, end)
		if err != nil {
			return nil, fmt.Errorf("page at byte %d: its header: %w", at, err)
		}
		p, n := newPage(h, at+length, of.Codec != format.Uncompressed)
		switch {
		case h.CompressedPageSize < 0 || p.length < 0 || p.start+p.length > end:
			return nil, fmt.Errorf("page at byte %d claims to have %d bytes, and %d are left of its part of the file", at, h.CompressedPageSize, end-at-length)
		case h.UncompressedPageSize < 0 || p.size < 0 || p.size > maxPage:
			return nil, fmt.Errorf("page at byte %d claims to have %d bytes without compression, want at most %d", at, h.UncompressedPageSize, maxPage)
		case n < 0 || n > maxRows:
			return nil, fmt.Errorf("page at byte %d claims to have %d rows, want at most %d", at, n, maxRows)
		}
		if h.Type == format.DictionaryPage { // its values are no rows
			n = 0
		}
		all, rows, at = append(all, p), rows+n, p.start+p.length
	}
	return all, nil
}

// newPage returns the page of a header, and the number of its values.
func newPage(h *format.PageHeader, start int64, packed bool) (p page, values int64) {
	p = page{start, int64(h.CompressedPageSize), int64(h.UncompressedPageSize), packed}
	switch {
	case h.DataPageHeader.Valid:
		values = int64(h.DataPageHeader.V.NumValues)
	case h.DictionaryPageHeader.Valid:
		values = int64(h.DictionaryPageHeader.V.NumValues)
	case h.DataPageHeaderV2.Valid:
		v := &h.DataPageHeaderV2.V
		values = int64(v.NumValues)
		levels := int64(max(0, v.RepetitionLevelsByteLength)) + int64(max(0, v.DefinitionLevelsByteLength)) // never compressed
		p.start, p.length, p.size = p.start+levels, p.length-levels, p.size-levels
		p.packed = packed && (!v.IsCompressed.Valid || v.IsCompressed.V)
	}
	return p, values
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

// grows refuses a page that is larger without compression than its header claims.
func (p page) grows(in io.ReaderAt, codec format.CompressionCodec) error {
	if !p.packed || p.length == 0 {
		return nil
	}
	var out io.Reader
	data := io.NewSectionReader(in, p.start, p.length)
	switch codec {
	case format.Snappy:
		head := make([]byte, min(binary.MaxVarintLen64, p.length))
		if _, err := data.ReadAt(head, 0); err != nil {
			return err
		}
		if n, used := binary.Uvarint(head); used <= 0 || n > uint64(p.size) {
			return fmt.Errorf("page at byte %d begins with %x, want a length of at most %d, as its header claims", p.start, head, p.size)
		}
		return nil
	case format.Gzip:
		z, err := gzip.NewReader(data)
		if err != nil {
			return fmt.Errorf("page at byte %d: %w", p.start, err)
		}
		out = z
	case format.Zstd:
		z, err := zstd.NewReader(data, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage))
		if err != nil {
			return fmt.Errorf("page at byte %d: %w", p.start, err)
		}
		defer z.Close()
		out = z
	case format.Brotli:
		out = brotli.NewReader(data)
	default: // LZ4 grows to 255 bytes for each one
		return nil
	}
	n, err := io.CopyN(io.Discard, out, p.size+1)
	switch {
	case n > p.size:
		return fmt.Errorf("page at byte %d has more than the %d bytes without compression that its header claims", p.start, p.size)
	case err != io.EOF:
		return fmt.Errorf("page at byte %d: %w", p.start, err)
	}
	return nil
}
