package gguf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"time"

	"github.com/pgcli/paligemma/internal/infile"
	"github.com/pgcli/paligemma/internal/lfs"
)

// A File is an open GGUF file. All methods but Close are safe for concurrent
// use by multiple goroutines; none writes to the file.
type File struct {
	src   io.ReaderAt
	size  int64
	file  *os.File  // nil after New
	time  time.Time // of the file's last change, when it was opened
	parts []*File   // of a split file, whose bytes follow each other; nil for one file
	mapping

	version   int
	alignment int64
	dataStart int64
	keys      []Key
	keyIndex  map[string]int
	tensors   []Tensor
	tensorIdx map[string]int
}

// Open opens the GGUF file at path, which must be a regular file, and reads its
// header. Metadata and tensors are read when they are asked for; a file that has
// been shortened since then is an error. The caller must Close the File.
//
// A header may have a GiB, of which reading takes seconds. Open returns the cause of ctx
// soon after ctx ends. The File does not depend on ctx.
//
// If the path has the name of a part of a split file, NAME-00001-of-0000N.gguf, Open opens
// all parts, which must lie beside it, as the whole file. Offsets count as if each part
// followed the one before, and the whole cannot be mapped.
func Open(ctx context.Context, path string) (*File, error) {
	if parts := Parts(path); len(parts) > 1 {
		return openParts(ctx, parts)
	}
	return openFile(ctx, path)
}

// openFile opens one file, whatever its name.
func openFile(ctx context.Context, path string) (*File, error) {
	file, err := infile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	f, err := open(ctx, file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return f, nil
}

// open takes over file, except when it fails.
func open(ctx context.Context, file *os.File) (*File, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	f, err := New(infile.CheckedAt(ctx, file), info.Size())
	if err != nil {
		return nil, err
	}
	f.src = file // without ctx, which may end before the File does
	f.file, f.time = file, info.ModTime()
	return f, nil
}

// New reads the header of the GGUF file that the first size bytes of r hold.
// r stays the caller's: it must outlive the File and allow concurrent ReadAt
// calls if the File is used concurrently, and Close does not close it.
func New(r io.ReaderAt, size int64) (*File, error) {
	f := &File{src: r, size: size, alignment: DefaultAlignment}
	d := newDecoder(r, 0, min(max(size, 0), maxHeader))
	nTensors, nKeys := f.readPreamble(d)
	f.readKeys(d, nKeys)
	f.readTensors(d, nTensors)
	if d.err != nil {
		return nil, d.err
	}
	return f, nil
}

// Smallest encodings: a key is a length, a byte, a type and a byte; a tensor
// a length, a byte, a dimension count, a type and an offset.
const (
	minKeyBytes    = 8 + 1 + 4 + 1
	minTensorBytes = 8 + 1 + 4 + 4 + 8
)

// readPreamble reads the fields before the first key.
func (f *File) readPreamble(d *decoder) (nTensors, nKeys int) {
	if d.need(int64(len(magic)), "the magic number") {
		b, err := d.r.Peek(len(magic))
		switch {
		case err != nil:
			d.failRead(err)
		case string(b) == "FUGG":
			d.fail(0, "big-endian GGUF files are not supported")
		case string(b) != magic:
			if start, _ := d.r.Peek(len(lfs.Prefix)); lfs.Check(start) != nil {
				d.err = fmt.Errorf("gguf: the file %w", lfs.ErrPointer)
			}
			d.fail(0, "not a GGUF file: it starts with %q, not %q", b, magic)
		}
		d.skip(int64(len(magic)))
	}
	at := d.pos
	version := d.uint32("the version")
	if d.err == nil && version != 2 && version != 3 {
		if swapped := bits.ReverseBytes32(version); swapped >= 1 && swapped <= 3 {
			d.fail(at, "big-endian GGUF files are not supported (version %d, byte-swapped)", swapped)
		}
		d.fail(at, "GGUF version %d is not supported, only 2 and 3 are", version)
	}
	f.version = int(version)
	at = d.pos
	if nTensors = d.count(minTensorBytes, "tensor count"); nTensors > MaxTensors {
		d.fail(at, "%d tensors, at most %d are read", nTensors, MaxTensors)
	}
	at = d.pos
	if nKeys = d.count(minKeyBytes, "key count"); nKeys > MaxKeys {
		d.fail(at, "%d keys, at most %d are read", nKeys, MaxKeys)
	}
	return nTensors, nKeys
}

// Close releases the file. Afterwards the slice from [File.Map] must not be
// touched, and readers fail with [os.ErrClosed]. It is safe on nil and may be
// called again.
func (f *File) Close() error {
	if f == nil {
		return nil
	}
	var errs []error
	for _, p := range f.parts {
		errs = append(errs, p.Close())
	}
	if f.file == nil {
		return errors.Join(errs...)
	}
	err := f.file.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, f.unmap())
}

// ErrChanged is about a file that was written to while it was open.
var ErrChanged = errors.New("the file has changed since it was opened")

// Changed returns an [ErrChanged] if the size or the time of the file are others
// than when it was opened. A file that another has replaced under its name stays
// as it was. After [New] it returns nil.
func (f *File) Changed() error {
	if f.file == nil {
		var errs []error
		for _, p := range f.parts {
			errs = append(errs, p.Changed())
		}
		return errors.Join(errs...)
	}
	info, err := f.file.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("gguf: %w", err)
	case info.Size() != f.size:
		return fmt.Errorf("gguf: %s: %w: it has %d bytes, and had %d", f.file.Name(), ErrChanged, info.Size(), f.size)
	case !info.ModTime().Equal(f.time):
		return fmt.Errorf("gguf: %s: %w: it was written to at %s", f.file.Name(), ErrChanged, info.ModTime().Format(time.DateTime))
	}
	return nil
}

// Version returns the version of the format, 2 or 3.
func (f *File) Version() int { return f.version }

// Alignment returns the alignment of tensor data in bytes, a power of two.
func (f *File) Alignment() int64 { return f.alignment }

// Size returns the size of the file in bytes.
func (f *File) Size() int64 { return f.size }

// DataOffset returns where tensor data starts, in bytes from the start of the
// file. Without tensors it may lie beyond the end.
func (f *File) DataOffset() int64 { return f.dataStart }
