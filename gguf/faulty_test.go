package gguf

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/pgcli/paligemma/internal/faulty"
)

// TestFailingReads fails to read a file at each of its bytes: each call that needs the byte
// returns the disk's error, or says that the file ends early, and no other value.
func TestFailingReads(t *testing.T) {
	whole := head(2, 4).text("a").u32(9).u32(8).u64(2).text("x").text("▁y").text("n").u32(4).u32(7).text("list").u32(9).u32(5).u64(2).u32(1).u32(2).
		text("bools").u32(9).u32(7).u64(3).u8(1).u8(0).u8(1).
		tensor("t", Q4_0, 0, 32, 2).tensor("u", F32, 64, 4).data(64 + 16)
	want, err := New(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	dataAt := int(want.Tensors()[0].Offset)
	for at := range whole {
		for _, disk := range []error{faulty.ErrRead, io.EOF} {
			in := &faulty.File{Content: whole, At: at, Err: disk}
			fails := func(what string, err error) {
				t.Helper()
				var format *FormatError
				if disk == faulty.ErrRead && !errors.Is(err, disk) || disk == io.EOF && !errors.As(err, &format) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("byte %d, %v: %s: error %v", at, disk, what, err)
				}
			}
			f, err := New(in, in.Size())
			if err != nil {
				fails("New", err)
				continue
			}
			if at < dataAt-32 {
				t.Errorf("byte %d of the header is not read", at)
			}
			for _, x := range f.Tensors() {
				data, err := f.Bytes(x.Name)
				if int64(at) < x.Offset+x.Size {
					fails(x.Name, err)
				} else if good, _ := want.Bytes(x.Name); err != nil || !bytes.Equal(data, good) {
					t.Errorf("byte %d: %s: %v", at, x.Name, err)
				}
			}
			// The disk may also fail later: values are read when they are asked for.
			f.src = &faulty.File{Content: whole, At: int(f.keys[0].start), Err: disk}
			for _, k := range f.Keys() {
				_, err := f.Value(k.Name)
				fails("value of "+k.Name, err)
				for _, err := range f.Pieces(k.Name) {
					fails("pieces of "+k.Name, err)
				}
			}
		}
	}
}
