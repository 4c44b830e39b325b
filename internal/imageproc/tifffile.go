package imageproc

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// A tiffFile is a TIFF whose directory stands behind the bytes of another one.
type tiffFile struct {
	ctx  context.Context // after whose end it cannot be read
	head [8]byte         // instead of the other's
	file []byte
	tail []byte
	at   int64 // of the next Read
}

// with returns the file with another directory, of a plain TIFF in a byte order.
func (p *tiffPage) with(page map[uint16][]uint64, byteOrder binary.ByteOrder) (*tiffFile, error) {
	f := &tiffFile{ctx: p.ctx, file: p.file}
	order := byteOrder.(interface {
		binary.ByteOrder
		binary.AppendByteOrder
	})
	start := uint32(len(f.file))
	mark := "II"
	if byteOrder == binary.BigEndian {
		mark = "MM"
	}
	copy(f.head[:], order.AppendUint32(order.AppendUint16([]byte(mark), 42), start))
	tags := make([]uint16, 0, len(page))
	for tag := range page {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	const long, entry = 4, 12 // the kind of all values, and the bytes of an entry
	size, behind := 2+entry*len(tags)+4, start+uint32(2+entry*len(tags)+4)
	for _, tag := range tags {
		size += 4 * len(page[tag])
		for _, v := range page[tag] {
			if v != uint64(uint32(v)) {
				return nil, fmt.Errorf("value %d of tag %d is beyond the end of the file", v, tag)
			}
		}
	}
	f.tail = order.AppendUint16(make([]byte, 0, size), uint16(len(tags)))
	for _, tag := range tags {
		values := page[tag]
		f.tail = order.AppendUint32(order.AppendUint16(order.AppendUint16(f.tail, tag), long), uint32(len(values)))
		if len(values) == 1 {
			f.tail = order.AppendUint32(f.tail, uint32(values[0]))
			continue
		}
		f.tail = order.AppendUint32(f.tail, behind)
		behind += 4 * uint32(len(values))
	}
	f.tail = append(f.tail, 0, 0, 0, 0)
	for _, tag := range tags { // values that do not fit an entry, behind the directory
		if values := page[tag]; len(values) != 1 {
			for _, v := range values {
				f.tail = order.AppendUint32(f.tail, uint32(v))
			}
		}
	}
	return f, nil
}

// ReadAt reads as io.ReaderAt says.
func (f *tiffFile) ReadAt(b []byte, at int64) (n int, err error) {
	if err := context.Cause(f.ctx); err != nil {
		return 0, err
	}
	for _, part := range [][]byte{f.head[:], f.file[len(f.head):], f.tail} {
		if at < int64(len(part)) && at >= 0 {
			k := copy(b[n:], part[at:])
			n, at = n+k, at+int64(k)
		}
		at -= int64(len(part))
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Read reads as io.Reader says.
func (f *tiffFile) Read(b []byte) (n int, err error) {
	n, err = f.ReadAt(b, f.at)
	f.at += int64(n)
	return n, err
}
