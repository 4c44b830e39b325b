package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/parquet-go/parquet-go/format"
)

// Values are the values of a page: of a dictionary, or of rows. The library's own code does
// not read them, because it makes room for whatever counts and lengths claim, and reads all
// pages before a row.
type values struct {
	data  []byte
	spans []span
	at    []int32 // the number of each row's span, -1 without a value; nil if row i has span i
}

// A span is where a value lies in the data.
type span struct{ start, end uint32 }

// row returns a row's value, which must not be changed; nil for none.
func (v *values) row(i int64) ([]byte, error) {
	n := i
	if v.at != nil {
		n = int64(v.at[i])
	}
	switch {
	case n < 0:
		return nil, nil
	case n >= int64(len(v.spans)):
		return nil, fmt.Errorf("row %d has value %d of %d", i, n, len(v.spans))
	}
	s := v.spans[n]
	return v.data[s.start:s.end:s.end], nil
}

// dictionaryOf reads a page of a dictionary.
func dictionaryOf(p *page, data []byte) (*values, error) {
	if p.encoding != format.Plain && p.encoding != plainDictionary {
		return nil, fmt.Errorf("its dictionary has the encoding %v, want %v", p.encoding, format.Plain)
	}
	spans, err := plain(data, p.values)
	return &values{data: data, spans: spans}, err
}

// plainDictionary is what older writers have in place of format.RLEDictionary.
const plainDictionary format.Encoding = 2

// valuesOf reads a page of rows. levels are nil if data begins with them, and most is the
// greatest definition level of the column: a row's that has a value.
func valuesOf(p *page, data, levels []byte, most int, dictionary *values) (v *values, err error) {
	if p.levels < 0 && most > 0 {
		if p.bitPacked {
			return nil, fmt.Errorf("its levels have the encoding %v, want %v: write the file again with a newer program", format.BitPacked, format.RLE)
		}
		if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
			return nil, io.ErrUnexpectedEOF
		}
		n := 4 + int(binary.LittleEndian.Uint32(data))
		levels, data = data[4:n], data[n:]
	}
	v = &values{data: data}
	present := p.values
	if most > 0 {
		if v.at, present, err = places(levels, most, p.values); err != nil {
			return nil, fmt.Errorf("its levels: %w", err)
		}
	}
	switch p.encoding {
	case format.Plain:
		v.spans, err = plain(data, present)
	case format.DeltaLengthByteArray:
		v.spans, err = lengths(data, present)
	case format.DeltaByteArray:
		v.data, v.spans, err = prefixed(data, present, p.most())
	case plainDictionary, format.RLEDictionary:
		err = v.look(dictionary, data, present)
	default:
		err = fmt.Errorf("its values have the encoding %v, want %v, %v, %v or %v: write the file again with one of these",
			p.encoding, format.Plain, format.RLEDictionary, format.DeltaLengthByteArray, format.DeltaByteArray)
	}
	return v, err
}

// places returns the number of each row's value, or -1, and how many values there are.
func places(levels []byte, most int, rows int64) (at []int32, present int64, err error) {
	at = make([]int32, 0, rows)
	err = eachRun(levels, bits.Len(uint(most)), rows, func(level uint32, n int) {
		for range n {
			if level == uint32(most) {
				at = append(at, int32(present))
				present++
			} else {
				at = append(at, -1)
			}
		}
	})
	return at, present, err
}

// look takes the values from a dictionary, whose numbers data has.
func (v *values) look(dictionary *values, data []byte, present int64) error {
	if dictionary == nil {
		return errors.New("its values are numbers of a dictionary, which the group of rows has none of")
	}
	v.data, v.spans = dictionary.data, dictionary.spans
	numbers := make([]int32, 0, present)
	if present > 0 {
		if len(data) == 0 || data[0] > 32 {
			return errors.New("its values begin with no width of 0 to 32 bits")
		}
		err := eachRun(data[1:], int(data[0]), present, func(number uint32, n int) {
			for range n {
				numbers = append(numbers, int32(min(number, 1<<31-1)))
			}
		})
		if err != nil {
			return err
		}
	}
	if v.at == nil {
		v.at = numbers
		return nil
	}
	for i, n := range v.at {
		if n >= 0 {
			v.at[i] = numbers[n]
		}
	}
	return nil
}

// eachRun calls do for runs of equal numbers of some bits, until there are as many as
// wanted: fewer are an error. Numbers beyond those fill up a group of packed ones.
func eachRun(data []byte, width int, want int64, do func(number uint32, n int)) error {
	for want > 0 {
		n, used := binary.Uvarint(data)
		if used <= 0 {
			return fmt.Errorf("%d are missing: %w", want, io.ErrUnexpectedEOF)
		}
		data = data[used:]
		count, packed := n>>1, n&1 == 1
		if count > maxRows {
			return fmt.Errorf("a run has %d numbers", count)
		}
		size := (width + 7) / 8
		if packed {
			size, count = int(count)*width, 8*count
		}
		if size > len(data) {
			return io.ErrUnexpectedEOF
		}
		took := min(int64(count), want)
		want -= took
		if packed {
			for i := range int(took) {
				do(uint32(bitsAt(data, i*width, width)), 1)
			}
		} else if took > 0 {
			do(uint32(bitsAt(data[:size], 0, 8*size)), int(took))
		}
		data = data[size:]
	}
	return nil
}

// bitsAt returns the number of some bits, at most 64, that begins at a bit: the least bit first.
func bitsAt(data []byte, at, width int) (n uint64) {
	for got := 0; got < width; {
		from := (at + got) % 8
		some := min(8-from, width-got)
		n |= uint64(data[(at+got)/8]>>from&(1<<some-1)) << got
		got += some
	}
	return n
}
