package gguf

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
)

// A Tensor describes one tensor of a file.
type Tensor struct {
	Name   string
	Type   Type
	Shape  []int // 0 to 4 dimensions in ggml order, fastest first; not to be modified
	Offset int64 // of the data, in bytes from the start of the file
	Size   int64 // in bytes, without padding
}

// Elements returns the number of elements.
func (t Tensor) Elements() int64 {
	n := int64(1)
	for _, dim := range t.Shape {
		n *= int64(dim)
	}
	return n
}

// Tensors returns all tensors in the order of the file. The slice is the
// caller's.
func (f *File) Tensors() []Tensor { return slices.Clone(f.tensors) }

// Tensor returns the tensor with the given name, or [ErrNotFound].
func (f *File) Tensor(name string) (Tensor, error) {
	i, ok := f.tensorIdx[name]
	if !ok {
		return Tensor{}, fmt.Errorf("gguf: %s: %w", tensorEntry(name), ErrNotFound)
	}
	return f.tensors[i], nil
}

// Bytes reads the data of a tensor into new memory, as it is in the file: rows of
// blocks in little-endian order.
func (f *File) Bytes(name string) ([]byte, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	if t.Size > math.MaxInt {
		return nil, fmt.Errorf("gguf: %s: %d bytes are more than this processor can address", tensorEntry(name), t.Size)
	}
	data := make([]byte, t.Size)
	if err := f.ReadTensor(t, data, 0); err != nil {
		return nil, err
	}
	return data, nil
}

// ReadTensor fills p with the data of one of the file's tensors, from a byte of it
// on. It fails with [io.ErrUnexpectedEOF] if the file has been shortened.
func (f *File) ReadTensor(t Tensor, p []byte, from int64) error {
	if from < 0 || from > t.Size || int64(len(p)) > t.Size-from {
		return fmt.Errorf("gguf: %s: %d bytes from byte %d of %d", tensorEntry(t.Name), len(p), from, t.Size)
	}
	if n, err := f.src.ReadAt(p, t.Offset+from); n < len(p) {
		return fmt.Errorf("gguf: %s: byte %d: %w", tensorEntry(t.Name), t.Offset+from+int64(n), noEOF(err))
	}
	return nil
}

// Reader returns a reader of the same bytes as [File.Bytes], for tensors that
// should pass through a small buffer. It fails once the File is closed.
func (f *File) Reader(name string) (*io.SectionReader, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(f.src, t.Offset, t.Size), nil
}

// readTensors reads the n tensor descriptions and checks where they lie.
func (f *File) readTensors(d *decoder, n int) {
	f.tensorIdx = make(map[string]int)
	var fields []int64 // where each tensor's offset is written, for errors
	for i := 0; i < n && d.err == nil; i++ {
		d.entry = fmt.Sprintf("tensor %d of %d", i+1, n)
		at := d.pos
		name := string(d.text(MaxNameLen, "name length"))
		if d.err != nil {
			return
		}
		d.entry = tensorEntry(name)
		if err := checkName(name, MaxNameLen); err != nil {
			d.fail(at, "%v", err)
		} else if _, ok := f.tensorIdx[name]; ok {
			d.fail(at, "appears twice")
		}
		t := readTensor(d, name)
		fields = append(fields, d.pos-8)
		f.tensorIdx[name] = i
		f.tensors = append(f.tensors, t)
	}
	d.entry = ""
	f.dataStart = alignUp(d.pos, f.alignment)
	if d.err == nil {
		f.placeTensors(d, fields)
	}
}

// readTensor reads one description. The Offset is still relative to the data.
func readTensor(d *decoder, name string) Tensor {
	t := Tensor{Name: name}
	at := d.pos
	dims := d.uint32("dimension count")
	if dims > MaxDims {
		d.fail(at, "%d dimensions, at most %d are allowed", dims, MaxDims)
	}
	for i := uint32(0); i < dims && d.err == nil; i++ {
		at := d.pos
		n := d.uint64("dimension")
		if d.err == nil && (n == 0 || n > math.MaxInt) {
			d.fail(at, "dimension %d is %d, outside 1 to %d", i, n, math.MaxInt)
		}
		t.Shape = append(t.Shape, int(n))
	}
	at = d.pos
	t.Type = Type(d.uint32("tensor type"))
	if d.err == nil {
		size, err := t.Type.Size(t.Shape...)
		if err != nil {
			d.fail(at, "%v", err)
		}
		t.Size = size
	}
	at = d.pos
	offset := d.uint64("offset")
	if offset > math.MaxInt64 {
		d.fail(at, "offset %d overflows", offset)
	}
	t.Offset = int64(offset)
	return t
}

// placeTensors makes offsets absolute and checks that each tensor is aligned,
// inside the file, and apart from the others. fields are the positions of the
// offsets. Gaps and any order are allowed.
func (f *File) placeTensors(d *decoder, fields []int64) {
	order := make([]int, len(f.tensors))
	for i := range f.tensors {
		t := &f.tensors[i]
		order[i] = i
		d.entry = tensorEntry(t.Name)
		if t.Offset%f.alignment != 0 {
			d.fail(fields[i], "offset %d is not a multiple of the alignment %d", t.Offset, f.alignment)
		}
		if left := max(f.size-f.dataStart, 0); t.Offset > left || t.Size > left-t.Offset {
			d.fail(fields[i], "offset %d and size %d reach beyond the %d bytes of data", t.Offset, t.Size, left)
		}
		if d.err != nil {
			return
		}
		t.Offset += f.dataStart
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(f.tensors[a].Offset, f.tensors[b].Offset) })
	for i := 1; i < len(order); i++ {
		prev, next := f.tensors[order[i-1]], f.tensors[order[i]]
		if prev.Offset+prev.Size > next.Offset {
			d.entry = tensorEntry(next.Name)
			d.fail(fields[order[i]], "overlaps %s", tensorEntry(prev.Name))
			return
		}
	}
}
