package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/pgcli/paligemma/internal/infile"
)

// check refuses a page whose bytes would grow to more than its header claims: when they are
// decompressed, or when runs of equal levels and indices are written out. most is the
// greatest definition level of the column.
func (p page) check(in io.ReaderAt, codec format.CompressionCodec, most int) error {
	data, levels, err := p.unpack(in, codec)
	if err == nil && !p.dictionary {
		err = p.checkData(data, levels, most)
	}
	if err != nil {
		return fmt.Errorf("page at byte %d: %w", p.start, err)
	}
	return nil
}

// checkData checks the levels and values of a page of rows. levels are nil if data begins
// with them.
func (p page) checkData(data, levels []byte, most int) error {
	if p.levels < 0 && most > 0 {
		if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
			return io.ErrUnexpectedEOF
		}
		n := 4 + int(binary.LittleEndian.Uint32(data))
		levels, data = data[4:n], data[n:]
	}
	if most > 0 {
		if err := p.checkRuns(levels, bits.Len(uint(most))); err != nil {
			return fmt.Errorf("its levels: %w", err)
		}
	}
	switch p.encoding {
	case format.Plain:
		return nil
	case format.PlainDictionary, format.RLEDictionary:
		if len(data) == 0 {
			return nil
		}
		return p.checkRuns(data[1:], int(data[0]))
	case format.DeltaLengthByteArray: // size of a block, of its parts, and the number of values
		for i := range 3 {
			n, used := binary.Uvarint(data)
			if used <= 0 || i == 2 && n > uint64(p.values) {
				return fmt.Errorf("its values begin as if there were %d, and its header claims %d", n, p.values)
			}
			data = data[used:]
		}
		return nil
	}
	return fmt.Errorf("its values have the encoding %v, want %v, %v or %v", p.encoding, format.Plain, format.RLEDictionary, format.DeltaLengthByteArray)
}

// checkRuns refuses runs of numbers of some bits, equal or packed, with more than the values
// of the page and what packing fills up.
func (p page) checkRuns(data []byte, width int) error {
	total := uint64(0)
	for len(data) > 0 {
		n, used := binary.Uvarint(data)
		if used <= 0 {
			return io.ErrUnexpectedEOF
		}
		count, size := n>>1, uint64(width+7)/8
		if n&1 == 1 {
			if count > maxRows {
				return fmt.Errorf("a run has %d times 8 values", count)
			}
			count, size = 8*count, count*uint64(width)
		}
		if total += min(count, 2*maxRows); total > uint64(p.values)+512 {
			return fmt.Errorf("runs have %d values or more, and its header claims %d", total, p.values)
		}
		data = data[used:]
		if size > uint64(len(data)) {
			return io.ErrUnexpectedEOF
		}
		data = data[size:]
	}
	return nil
}

// unpack returns the bytes of a page without compression, and the levels that are before
// them.
func (p page) unpack(in io.ReaderAt, codec format.CompressionCodec) (data, levels []byte, err error) {
	raw, err := infile.ReadAll(io.NewSectionReader(in, p.start, p.length), p.length, maxPage)
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
		data, err = unpackStream(raw, codec, size)
	case format.Snappy:
		if n, used := binary.Uvarint(raw); used <= 0 || n > uint64(size) {
			return nil, nil, fmt.Errorf("it claims to have %d bytes without compression, and its header %d", n, size)
		}
		fallthrough
	default: // LZ4 grows to 255 bytes for each one
		data, err = parquet.LookupCompressionCodec(codec).Decode(nil, raw)
	}
	if err == nil && int64(len(data)) > size {
		err = fmt.Errorf("it has more than the %d bytes without compression that its header claims", size)
	}
	return data, levels, err
}

// unpackStream returns at most size bytes of what data unpacks to, and one more if there are
// more.
func unpackStream(data []byte, codec format.CompressionCodec, size int64) ([]byte, error) {
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
	return infile.ReadAll(io.LimitReader(out, size+1), 0, maxPage+1)
}
