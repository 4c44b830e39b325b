package parquet

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"

	"github.com/pgcli/paligemma/internal/infile"
)

// How many bytes a byte grows to at most. Room is made for no more, whatever a page claims.
const (
	mostLZ4    = 255
	mostSnappy = 32
)

// unpack returns the bytes of a page without compression, and the levels that are before
// them.
func (p page) unpack(ctx context.Context, in io.ReaderAt, codec format.CompressionCodec) (data, levels []byte, err error) {
	raw, err := infile.ReadAll(infile.Checked(ctx, io.NewSectionReader(in, p.start, p.length)), p.length, maxPage)
	if err != nil || int64(len(raw)) < p.length {
		return nil, nil, noEOF(err)
	}
	if p.levels > 0 {
		levels, raw = raw[p.repetition:p.levels], raw[p.levels:]
	}
	if !p.packed || len(raw) == 0 {
		return raw, levels, nil
	}
	size := p.size - max(0, p.levels)
	switch codec {
	case format.Gzip, format.Zstd, format.Brotli:
		data, err = unpackStream(ctx, raw, codec, size)
	case format.Snappy:
		if n, used := binary.Uvarint(raw); used <= 0 || n > uint64(min(size, mostSnappy*int64(len(raw)))) {
			return nil, nil, fmt.Errorf("it claims to have %d bytes without compression, and its header %d", n, size)
		}
		data, err = parquet.Snappy.Decode(nil, raw)
	case format.Lz4Raw: // parquet-go's own reader doubles its memory until a broken page fits
		data = make([]byte, min(size, mostLZ4*int64(len(raw))))
		var n int
		n, err = lz4.UncompressBlock(raw, data)
		data = data[:max(0, n)]
	default:
		err = fmt.Errorf("it is compressed with %v, want %v, %v, %v, %v, %v or %v: write the file again with one of these",
			codec, format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw)
	}
	if err == nil && int64(len(data)) > size {
		err = fmt.Errorf("it has more than the %d bytes without compression that its header claims", size)
	}
	return data, levels, err
}

// unpackStream returns at most size bytes of what data unpacks to, and one more if there are
// more.
func unpackStream(ctx context.Context, data []byte, codec format.CompressionCodec, size int64) ([]byte, error) {
	packed := bytes.NewReader(data)
	var out io.Reader
	switch codec {
	case format.Gzip:
		z, err := gzip.NewReader(packed)
		if err != nil {
			return nil, err
		}
		out = z
	case format.Zstd:
		z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		out = z
	default:
		out = brotli.NewReader(packed)
	}
	return infile.ReadAll(infile.Checked(ctx, io.LimitReader(out, size+1)), 0, maxPage+1)
}
