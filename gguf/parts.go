package gguf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// openParts opens the parts of a split file, in their order, as the whole one: the metadata
// of the first part without the keys of splitting, and the tensors of all.
func openParts(ctx context.Context, paths []string) (_ *File, err error) {
	whole := &File{keyIndex: map[string]int{}, tensorIdx: map[string]int{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, whole.Close())
		}
	}()
	want := int32(0)
	for i, path := range paths {
		f, err := openFile(ctx, path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("part %d of %d is missing: %w", i+1, len(paths), err)
		}
		if err != nil {
			return nil, err
		}
		whole.parts = append(whole.parts, f)
		if err := checkPart(f, i, len(paths)); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if i == 0 {
			if want, err = Get[int32](f, SplitTensorsKey); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
		if err := whole.take(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	switch {
	case len(paths) == 0:
		return nil, errors.New("gguf: no parts to join")
	case int(want) != len(whole.tensors):
		return nil, fmt.Errorf("gguf: %s: the %d parts have %d tensors, want %d", paths[0], len(paths), len(whole.tensors), want)
	}
	whole.src = concatenation(whole.parts)
	return whole, nil
}

// take adds a part. Its bytes follow those of the parts before.
func (f *File) take(part *File) error {
	if len(f.parts) == 1 {
		f.version, f.alignment, f.dataStart = part.version, part.alignment, part.dataStart
		for _, k := range part.keys {
			if !IsSplitKey(k.Name) {
				f.keyIndex[k.Name] = len(f.keys)
				f.keys = append(f.keys, k)
			}
		}
	}
	for _, t := range part.tensors {
		if _, twice := f.tensorIdx[t.Name]; twice {
			return fmt.Errorf("gguf: %s is in a part before, too", tensorEntry(t.Name))
		}
		t.Offset += f.size
		f.tensorIdx[t.Name] = len(f.tensors)
		f.tensors = append(f.tensors, t)
	}
	f.size += part.size
	return nil
}

// A concatenation reads files as if each followed the one before.
type concatenation []*File

func (c concatenation) ReadAt(p []byte, at int64) (n int, err error) {
	for _, f := range c {
		if at >= f.size {
			at -= f.size
			continue
		}
		k, err := f.src.ReadAt(p[n:min(int64(len(p)), int64(n)+f.size-at)], at)
		if n += k; n == len(p) {
			return n, nil
		}
		if err != nil && !errors.Is(err, io.EOF) || int64(k) < f.size-at {
			return n, noEOF(err)
		}
		at = 0
	}
	return n, io.EOF
}

// checkPart wants a file to be the part of a number, of count.
func checkPart(f *File, number, count int) error {
	no, err := Get[uint16](f, SplitNumberKey)
	if err != nil {
		return err
	}
	of, err := Get[uint16](f, SplitCountKey)
	if err != nil {
		return err
	}
	if int(no) != number || int(of) != count {
		return fmt.Errorf("gguf: it is part %d of %d, want part %d of %d", no+1, of, number+1, count)
	}
	return nil
}
