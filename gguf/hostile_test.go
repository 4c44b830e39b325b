package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// raw builds files field by field, wrong ones included.
type raw []byte

func (r raw) u8(v uint8) raw   { return append(r, v) }
func (r raw) u32(v uint32) raw { return binary.LittleEndian.AppendUint32(r, v) }
func (r raw) u64(v uint64) raw { return binary.LittleEndian.AppendUint64(r, v) }
func (r raw) text(s string) raw {
	return append(r.u64(uint64(len(s))), s...)
}

// head is a preamble of 24 bytes.
func head(tensors, keys uint64) raw { return raw(magic).u32(3).u64(tensors).u64(keys) }

// tensor appends a description; a one-letter name puts the dimension count 9
// bytes after its start, and with one dimension the type at 21, the offset at 25.
func (r raw) tensor(name string, t Type, offset uint64, shape ...uint64) raw {
	r = r.text(name).u32(uint32(len(shape)))
	for _, n := range shape {
		r = r.u64(n)
	}
	return r.u32(uint32(t)).u64(offset)
}

// data pads to the next multiple of 32 and appends n bytes.
func (r raw) data(n int) raw {
	return append(r, make([]byte, int(alignUp(int64(len(r)), 32))-len(r)+n)...)
}

func TestHostile(t *testing.T) {
	const huge = math.MaxUint64
	for _, c := range []struct {
		name string
		file raw
		at   int64 // the offset that the error must carry
		want string
	}{
		{"empty", nil, 0, "the magic number needs 4 bytes, 0 are left"},
		{"other format", raw("PK\x03\x04....................").u64(0), 0, `not a GGUF file: it starts with "PK\x03\x04"`},
		{"big endian", raw(magic).u32(3 << 24).u64(0).u64(0), 4, "big-endian GGUF files are not supported (version 3, byte-swapped)"},
		{"big endian magic", raw("FUGG").u32(3 << 24).u64(0).u64(0), 0, "big-endian"},
		{"version 1", raw(magic).u32(1).u64(0).u64(0), 4, "version 1 is not supported"},
		{"version 4", raw(magic).u32(4).u64(0).u64(0), 4, "version 4 is not supported"},
		{"no counts", raw(magic).u32(3), 8, "tensor count needs 8 bytes"},
		{"tensor count", head(huge, 0), 8, "tensor count 18446744073709551615 cannot fit in the 8 bytes"},
		{"tensor count, near", head(1, 0), 8, "tensor count 1 cannot fit"},
		{"key count", head(0, 1<<40), 16, "key count 1099511627776 cannot fit in the 0 bytes"},

		{"key length", head(0, 1).u64(1 << 50).u64(0), 24, "key 1 of 1: key length 1125899906842624 cannot fit in the 8 bytes"},
		{"key too long", head(0, 1).text(strings.Repeat("k", MaxKeyLen+1)).u32(0).u8(0), 24, "key length 65536 is more than 65535"},
		{"key empty", head(0, 1).text("").u32(4).u32(0), 24, "name is empty"},
		{"key not UTF-8", head(0, 1).text("\xff").u32(4).u32(0), 24, `key "\xff": name is not UTF-8`},
		{"key with zero", head(0, 1).text("a\x00").u32(0).u8(0), 24, "zero byte"},
		{"key twice", head(0, 2).text("a").u32(0).u8(0).text("a").u32(0).u8(0), 38, `key "a": appears twice`},
		{"value type", head(0, 1).text("a").u32(13).u64(0), 33, `key "a": value type 13 is unknown`},
		{"value cut", head(0, 1).text("a").u32(12).u32(0), 37, `key "a": value needs 8 bytes, 4 are left`},
		{"bool", head(0, 1).text("a").u32(7).u8(2), 37, `key "a": bool is 2`},
		{"string length", head(0, 1).text("a").u32(8).u64(huge), 37, `key "a": string length 18446744073709551615 cannot fit`},
		{"string not UTF-8", head(0, 1).text("a").u32(8).text("ab\xc3"), 37, `key "a": string is not UTF-8`},
		{"nested array", head(0, 1).text("a").u32(9).u32(9).u64(0), 37, `key "a": arrays of arrays`},
		{"element type", head(0, 1).text("a").u32(9).u32(99).u64(0), 37, "value type 99 is unknown"},
		{"array length", head(0, 1).text("a").u32(9).u32(10).u64(1 << 61).u64(0), 41, "array length 2305843009213693952 cannot fit"},
		{"array of strings", head(0, 1).text("a").u32(9).u32(8).u64(2).u64(0), 41, "array length 2 cannot fit in the 8 bytes"},
		{"string in array", head(0, 1).text("a").u32(9).u32(8).u64(2).text("").text("\xfe"), 57, "string is not UTF-8"},
		{"bool in array", head(0, 1).text("a").u32(9).u32(7).u64(2).u8(1).u8(9), 50, "bool is 9"},

		{"alignment 0", head(0, 1).text(alignmentKey).u32(4).u32(0), 53, "alignment 0 is not a power of two"},
		{"alignment 48", head(0, 1).text(alignmentKey).u32(4).u32(48), 53, "alignment 48"},
		{"alignment 4", head(0, 1).text(alignmentKey).u32(4).u32(4), 53, "alignment 4"},
		{"alignment 2 GiB", head(0, 1).text(alignmentKey).u32(4).u32(1 << 31), 53, "alignment 2147483648"},
		{"alignment type", head(0, 1).text(alignmentKey).u32(10).u64(32), 53, "value is a uint64, must be a uint32"},

		{"tensor name length", head(1, 0).text(strings.Repeat("t", 64)).u64(0).u64(0), 24, "tensor 1 of 1: name length 64 is more than 63"},
		{"tensor name empty", head(1, 0).tensor("", F32, 0, 1).data(32), 24, "name is empty"},
		{"tensor name not UTF-8", head(1, 0).tensor("\x80", F32, 0, 1).data(32), 24, "name is not UTF-8"},
		{"tensor twice", head(2, 0).tensor("a", F32, 0, 1).tensor("a", F32, 32, 1).data(64), 57, `tensor "a": appears twice`},
		{"5 dimensions", head(1, 0).tensor("a", F32, 0, 1, 1, 1, 1, 1).data(32), 33, `tensor "a": 5 dimensions`},
		{"4e9 dimensions", head(1, 0).text("a").u32(math.MaxUint32).u64(0).u64(0), 33, "4294967295 dimensions"},
		{"dimension 0", head(1, 0).tensor("a", F32, 0, 0).data(32), 37, "dimension 0 is 0, outside 1"},
		{"dimension negative", head(1, 0).tensor("a", F32, 0, 1, huge).data(32), 45, "dimension 1 is 18446744073709551615"},
		{"shape overflows", head(1, 0).tensor("a", F32, 0, 1<<30, 1<<30, 8).data(32), 61, "overflows"},
		{"tensor type removed", head(1, 0).tensor("a", 31, 0, 32).data(64), 45, `tensor "a": tensor type 31 is unknown`},
		{"tensor type", head(1, 0).tensor("a", math.MaxUint32, 0, 32).data(64), 45, "tensor type 4294967295 is unknown"},
		{"partial block", head(1, 0).tensor("a", Q4_K, 0, 1152).data(9999), 45, "rows of 1152 elements are not a multiple of the 256"},
		{"misaligned", head(1, 0).tensor("a", F32, 4, 1).data(64), 49, `tensor "a": offset 4 is not a multiple of the alignment 32`},
		{"offset outside", head(1, 0).tensor("a", F32, 64, 1).data(32), 49, "offset 64 and size 4 reach beyond the 32 bytes of data"},
		{"offset overflows", head(1, 0).tensor("a", F32, huge-31, 1).data(32), 49, "offset 18446744073709551584 overflows"},
		{"offset near overflow", head(1, 0).tensor("a", F32, 1<<63-32, 1).data(32), 49, "reach beyond"},
		{"size outside", head(1, 0).tensor("a", F32, 0, 9).data(32), 49, "offset 0 and size 36 reach beyond the 32"},
		{"tail outside", head(1, 0).tensor("a", F32, 32, 9).data(64), 49, "offset 32 and size 36 reach beyond the 64"},
		{"no data section", head(1, 0).tensor("a", F32, 0, 1), 49, "reach beyond the 0 bytes"},
		{"overlap", head(2, 0).tensor("a", F32, 32, 1).tensor("b", F32, 0, 9).data(64), 49, `tensor "a": overlaps tensor "b"`},
		{"same place", head(2, 0).tensor("a", F32, 0, 1).tensor("b", F32, 0, 1).data(64), 82, `tensor "b": overlaps tensor "a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := New(bytes.NewReader(c.file), int64(len(c.file)))
			var bad *FormatError
			if !errors.As(err, &bad) || f != nil {
				t.Fatalf("got %v, %v", f, err)
			}
			if bad.Offset != c.at || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant byte %d: %s", err, c.at, c.want)
			}
		})
	}
}

// TestLongBools: of an array that is longer than the buffer, the bool that is wrong is
// named, wherever it is.
func TestLongBools(t *testing.T) {
	const at, n = 24 + 9 + 4 + 4 + 8, 3*64<<10 + 5 // the first bool, and their number
	file := append(head(0, 1).text("a").u32(9).u32(7).u64(n), make(raw, n)...)
	openBytes(t, file)
	for _, i := range []int{0, 1, 64<<10 - at - 1, 64<<10 - at, 64 << 10, 64<<10 + 1, 128 << 10, n - 1} {
		file[at+i] = 9
		if _, err := New(bytes.NewReader(file), int64(len(file))); err == nil {
			t.Errorf("bool %d: opened", i)
		} else if bad := (*FormatError)(nil); !errors.As(err, &bad) || bad.Offset != int64(at+i) || !strings.Contains(err.Error(), "bool is 9") {
			t.Errorf("bool %d: error %v, want byte %d", i, err, at+i)
		}
		file[at+i] = 1
	}
}

// A file that is unusual but right must open: gaps, any order of the data, no
// padding at the end, no tensors, other alignments.
func TestUnusual(t *testing.T) {
	f := openBytes(t, head(2, 0).tensor("b", F32, 96, 1).tensor("a", Q4_0, 0, 32, 2).data(100))
	if x, err := f.Tensor("b"); err != nil || x.Offset != f.DataOffset()+96 || x.Size != 4 || x.Elements() != 1 {
		t.Errorf("b = %+v, %v", x, err)
	}
	if x, err := f.Tensor("a"); err != nil || x.Size != 36 || x.Elements() != 64 {
		t.Errorf("a = %+v, %v", x, err)
	}
	if f := openBytes(t, head(0, 0)); len(f.Keys()) != 0 || len(f.Tensors()) != 0 || f.Alignment() != 32 {
		t.Errorf("empty file: %+v", f)
	}
	if f := openBytes(t, head(0, 1).text(alignmentKey).u32(4).u32(8)); f.Alignment() != 8 {
		t.Errorf("alignment %d, want 8", f.Alignment())
	}
}

func openBytes(t *testing.T, file raw) *File {
	t.Helper()
	f, err := New(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestDamaged cuts a good file at every header byte and flips each of them:
// nothing may panic, and a cut must be noticed.
func TestDamaged(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "ours.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	f := openBytes(t, good)
	last := f.Tensors()[len(f.Tensors())-1]
	for n := int64(0); n < last.Offset+last.Size; n++ {
		if n > f.DataOffset() {
			n = min(n+100, last.Offset+last.Size-1) // the data needs no cut at every byte
		}
		if f, err := New(bytes.NewReader(good[:n]), n); err == nil {
			t.Fatalf("cut to %d bytes: opened with %d tensors", n, len(f.Tensors()))
		}
	}
	bad := bytes.Clone(good)
	for i := range f.DataOffset() {
		for _, mask := range []byte{1, 0x80, 0xff} {
			bad[i] ^= mask
			if f, err := New(bytes.NewReader(bad), int64(len(bad))); err == nil {
				readAll(t, f)
			}
			bad[i] ^= mask
		}
	}
}

// readAll reads everything in an opened file; nothing may fail any more.
func readAll(t *testing.T, f *File) {
	t.Helper()
	for _, k := range f.Keys() {
		if _, err := f.Value(k.Name); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range f.Tensors() {
		if b, err := f.Bytes(x.Name); err != nil || int64(len(b)) != x.Size {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
}
