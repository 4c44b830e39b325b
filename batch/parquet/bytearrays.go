package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The encodings of columns of bytes, as https://parquet.apache.org/docs/file-format/data-pages/encodings
// has them. Each function bounds what it makes room for by the bytes that are there, not by
// what they claim.

// plain reads n values, each after its length in 4 bytes: PLAIN.
func plain(data []byte, n int64) (spans []span, err error) {
	if n > int64(len(data)/4) {
		return nil, fmt.Errorf("%d values do not fit into its %d bytes", n, len(data))
	}
	spans = make([]span, 0, n)
	for at := int64(0); n > 0; n-- {
		if at+4 > int64(len(data)) {
			return nil, io.ErrUnexpectedEOF
		}
		start := at + 4
		at = start + int64(binary.LittleEndian.Uint32(data[at:]))
		if at > int64(len(data)) {
			return nil, fmt.Errorf("a value of %d bytes: %w", at-start, io.ErrUnexpectedEOF)
		}
		spans = append(spans, span{uint32(start), uint32(at)})
	}
	return spans, nil
}

// lengths reads n values whose lengths are before all of them: DELTA_LENGTH_BYTE_ARRAY.
func lengths(data []byte, n int64) ([]span, error) {
	sizes, rest, err := deltas(data, n)
	if err != nil {
		return nil, fmt.Errorf("its lengths: %w", err)
	}
	spans, at := make([]span, 0, n), int64(len(data)-len(rest))
	for _, size := range sizes {
		start := at
		if at += int64(size); size < 0 || at > int64(len(data)) {
			return nil, fmt.Errorf("a value of %d bytes: %w", size, io.ErrUnexpectedEOF)
		}
		spans = append(spans, span{uint32(start), uint32(at)})
	}
	return spans, nil
}

// prefixed reads n values that begin as the ones before them: DELTA_BYTE_ARRAY. Together they may
// have most bytes.
func prefixed(data []byte, n, most int64) (whole []byte, spans []span, err error) {
	shared, rest, err := deltas(data, n)
	if err != nil {
		return nil, nil, fmt.Errorf("its lengths of prefixes: %w", err)
	}
	suffixes, err := lengths(rest, n)
	if err != nil {
		return nil, nil, err
	}
	spans = make([]span, 0, n)
	total, last := int64(0), int64(0)
	for i, s := range suffixes { // before the bytes: a few may grow to very many
		if shared[i] < 0 || int64(shared[i]) > last {
			return nil, nil, fmt.Errorf("a prefix has %d bytes, and the value before it %d", shared[i], last)
		}
		last = int64(shared[i]) + int64(s.end-s.start)
		if total += last; total > most {
			return nil, nil, fmt.Errorf("its values have %d bytes or more, want at most %d", total, most)
		}
		spans = append(spans, span{uint32(total - last), uint32(total)})
	}
	whole = make([]byte, 0, total)
	start := 0 // of the value before
	for i, s := range suffixes {
		before := start
		start = len(whole)
		whole = append(whole, whole[before:before+int(shared[i])]...)
		whole = append(whole, rest[s.start:s.end]...)
	}
	return whole, spans, nil
}

// deltas reads n numbers that are stored as differences: DELTA_BINARY_PACKED, and returns
// what follows them. Blocks have parts, whose differences have a number of bits each.
func deltas(data []byte, n int64) (numbers []int32, rest []byte, err error) {
	var head [3]uint64 // size of a block, its parts, the numbers
	for i := range head {
		var used int
		if head[i], used = binary.Uvarint(data); used <= 0 {
			return nil, nil, io.ErrUnexpectedEOF
		}
		data = data[used:]
	}
	block, parts, count := head[0], head[1], head[2]
	// Writers have blocks of 128 numbers in 4 parts; the bounds leave room for others.
	if block == 0 || block > 1<<13 || parts == 0 || parts > block || block%parts != 0 || block/parts%8 != 0 {
		return nil, nil, fmt.Errorf("blocks of %d in %d parts", block, parts)
	}
	if count != uint64(n) {
		return nil, nil, fmt.Errorf("there are %d, and its header and levels claim %d", count, n)
	}
	last, used := binary.Varint(data)
	if used <= 0 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	data = data[used:]
	if n > int64(len(data)+1)*int64(block) { // each block has a byte or more
		return nil, nil, io.ErrUnexpectedEOF
	}
	numbers = make([]int32, 0, n)
	if n > 0 {
		numbers = append(numbers, int32(last))
	}
	for int64(len(numbers)) < n {
		least, used := binary.Varint(data)
		if used <= 0 || len(data) < used+int(parts) {
			return nil, nil, io.ErrUnexpectedEOF
		}
		widths := data[used : used+int(parts)]
		data = data[used+int(parts):]
		for _, width := range widths {
			some := min(int64(block/parts), n-int64(len(numbers)))
			if some == 0 {
				break // parts without numbers are not there
			}
			size := int(block/parts) / 8 * int(width)
			if width > 64 {
				return nil, nil, errors.New("differences of more than 64 bits")
			}
			part := data
			if size > len(data) { // some writers leave out what fills up the last part
				if size = (int(some)*int(width) + 7) / 8; size > len(data) {
					return nil, nil, io.ErrUnexpectedEOF
				}
			}
			for i := range int(some) {
				last += least + int64(bitsAt(part, i*int(width), int(width)))
				if int64(int32(last)) != last {
					return nil, nil, fmt.Errorf("a number is %d", last)
				}
				numbers = append(numbers, int32(last))
			}
			data = data[size:]
		}
	}
	return numbers, data, nil
}
