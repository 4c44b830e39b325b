package imageproc

import (
	"encoding/binary"
	"math"
)

// A directory is the first directory of a TIFF file, or of an EXIF block, which is laid
// out as one. It refers to the file, which must not change.
type directory struct {
	file    []byte
	order   binary.ByteOrder
	entries map[uint16]entry
	cut     bool // some entries or their values lie beyond the end of the file
}

// An entry is a tag's type, its number of values and the bytes of these.
type entry struct {
	kind  uint16
	count uint64
	value []byte
}

// sizes has the bytes of a value of each TIFF type, from type 1; 0 is no type.
var sizes = [...]uint64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}

// readDirectory reads the first directory of a TIFF or BigTIFF file. Entries that lie
// beyond the end of the file, or are of an unknown type, are left out. It reports false if
// there is no directory.
func readDirectory(file []byte) (d directory, ok bool) {
	if len(file) < 16 { // a header and one entry are longer
		return d, false
	}
	d = directory{file: file, order: binary.LittleEndian, entries: make(map[uint16]entry)}
	switch string(file[:2]) {
	case "II":
	case "MM":
		d.order = binary.BigEndian
	default:
		return d, false
	}
	// Widths in bytes of the number of entries, and of counts and offsets.
	var start uint64
	number, wide := uint64(2), uint64(4)
	switch d.order.Uint16(file[2:]) {
	case 42:
		start = uint64(d.order.Uint32(file[4:]))
	case 43: // BigTIFF
		number, wide = 8, 8
		start = d.order.Uint64(file[8:])
	default:
		return d, false
	}
	head, ok := d.bytes(start, number)
	if !ok {
		return d, false
	}
	at, size := start+number, 4+2*wide
	for n := d.uint(head); n > 0; n-- {
		e, ok := d.bytes(at, size)
		if !ok {
			d.cut = true
			break
		}
		at += size
		kind, count, value := d.order.Uint16(e[2:]), d.uint(e[4:4+wide]), e[4+wide:]
		if int(kind) >= len(sizes) || sizes[kind] == 0 || count > math.MaxInt32 {
			continue
		}
		if length := sizes[kind] * count; length > wide {
			value, ok = d.bytes(d.uint(value), length)
		} else {
			value = value[:length]
		}
		if d.cut = d.cut || !ok; ok {
			d.entries[d.order.Uint16(e)] = entry{kind, count, value}
		}
	}
	return d, true
}

// bytes returns n bytes of the file from an offset; it reports false if they are not there.
func (d directory) bytes(at, n uint64) ([]byte, bool) {
	length := uint64(len(d.file))
	if at > length || n > length-at {
		return nil, false
	}
	return d.file[at : at+n : at+n], true
}

// uint reads an unsigned number of 1, 2, 4 or 8 bytes.
func (d directory) uint(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(d.order.Uint16(b))
	case 4:
		return uint64(d.order.Uint32(b))
	}
	return d.order.Uint64(b)
}

// ints returns the first values of a tag of integers, limit at most; nil if the tag is
// absent or of another type.
func (d directory) ints(tag uint16, limit int) []uint64 {
	e := d.entries[tag]
	switch e.kind {
	case 1, 3, 4, 6, 8, 9, 13, 16, 17, 18:
	default:
		return nil
	}
	size := int(sizes[e.kind])
	values := make([]uint64, min(e.count, uint64(limit)))
	for i := range values {
		values[i] = d.uint(e.value[i*size : (i+1)*size])
	}
	return values
}

// int returns the first value of a tag of integers, or another value if it is absent.
func (d directory) int(tag uint16, absent uint64) uint64 {
	if v := d.ints(tag, 1); len(v) > 0 {
		return v[0]
	}
	return absent
}
