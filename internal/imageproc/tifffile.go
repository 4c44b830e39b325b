package imageproc

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// A tiffFile is a TIFF whose directory stands behind the bytes of another one.
type tiffFile struct {
	head [8]byte // instead of the other's
	file []byte
	tail []byte
	at   int64 // of the next Read
}

// with returns the file with another directory, of a plain TIFF in a byte order.
func (p *tiffPage) with(page map[uint16][]uint64, byteOrder binary.ByteOrder) (*tiffFile, error) {
	f := &tiffFile{file: p.file}
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
	f.tail = order.AppendUint16(nil, uint16(len(tags)))
	values := []byte(nil) // those that do not fit an entry, behind the directory
	behind := start + 2 + 12*uint32(len(tags)) + 4
	for _, tag := range tags {
		const long = 4
		f.tail = order.AppendUint32(order.AppendUint16(order.AppendUint16(f.tail, tag), long), uint32(len(page[tag])))
		var raw []byte
		for _, v := range page[tag] {
			if v != uint64(uint32(v)) {
				return nil, fmt.Errorf("value %d of tag %d is beyond the end of the file", v, tag)
			}
			raw = order.AppendUint32(raw, uint32(v))
		}
		if len(raw) != 4 {
			f.tail = order.AppendUint32(f.tail, behind+uint32(len(values)))
			values = append(values, raw...)
			continue
		}
		f.tail = append(f.tail, raw...)
	}
	f.tail = append(append(f.tail, 0, 0, 0, 0), values...)
	return f, nil
}

// ReadAt reads as io.ReaderAt says.
func (f *tiffFile) ReadAt(b []byte, at int64) (n int, err error) {
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
