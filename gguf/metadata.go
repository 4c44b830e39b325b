package gguf

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"
)

// A Key describes one metadata entry. Its value stays in the file until asked
// for.
type Key struct {
	Name  string
	Kind  Kind // of the value, or of an array's elements
	Array bool
	Len   int // elements; 1 unless Array

	start, end int64 // of the value's bytes, after the length of an array
}

// Keys returns the metadata entries in file order. The slice is the caller's.
func (f *File) Keys() []Key { return slices.Clone(f.keys) }

// Has reports whether the file has the metadata key.
func (f *File) Has(key string) bool {
	_, ok := f.keyIndex[key]
	return ok
}

// Get returns the value of a metadata key, which must have exactly the type T:
//
//	n, err := gguf.Get[uint32](f, "paligemma.block_count")
//	pieces, err := gguf.Get[[]string](f, "tokenizer.ggml.tokens")
//
// It fails with [ErrNotFound] when the key is missing and with a [*TypeError]
// when it holds another type; there are no defaults and no conversions. The
// result is the caller's.
func Get[T Value](f *File, key string) (T, error) {
	var zero T
	k, err := f.key(key)
	if err != nil {
		return zero, err
	}
	// Compared before decoding: a wrong type should not cost an array.
	kind, isArray, _ := kindOf(any(zero))
	if kind != k.Kind || isArray != k.Array {
		return zero, &TypeError{Key: key, Want: typeName(kind, isArray), Got: typeName(k.Kind, k.Array)}
	}
	v, err := f.value(k)
	if err != nil {
		return zero, err
	}
	return v.(T), nil
}

// Value returns the value of a metadata key in the Go type that [Value] lists
// for it; [Writer.Add] takes it as it is.
func (f *File) Value(key string) (any, error) {
	k, err := f.key(key)
	if err != nil {
		return nil, err
	}
	return f.value(k)
}

// Pieces yields an array that is the value of a metadata key in slices of up to
// 64 KiB in the file, so that memory does not grow with the array: for strings
// []string, for uint8 []uint8. A string that is longer is a piece of its own. An
// empty array, and a value that is no array, are one piece, as [File.Value] has
// them. An error comes as the last pair.
func (f *File) Pieces(key string) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		k, err := f.key(key)
		if err != nil {
			yield(nil, err)
			return
		}
		if !k.Array {
			yield(f.value(k))
			return
		}
		d := newDecoder(f.src, k.start, k.end)
		d.entry = keyEntry(k.Name)
		for left := k.Len; ; {
			piece, n := d.piece(k.Kind, left)
			if d.err != nil {
				yield(nil, d.err)
				return
			}
			if left -= n; !yield(piece, nil) || left == 0 {
				return
			}
		}
	}
}

func (f *File) key(name string) (Key, error) {
	i, ok := f.keyIndex[name]
	if !ok {
		return Key{}, fmt.Errorf("gguf: %s: %w", keyEntry(name), ErrNotFound)
	}
	return f.keys[i], nil
}

// value decodes a value that readKeys has checked. Lengths are checked once more,
// in case the file has changed since.
func (f *File) value(k Key) (any, error) {
	if k.Kind != String {
		data := make([]byte, k.end-k.start)
		if n, err := f.src.ReadAt(data, k.start); n < len(data) {
			return nil, fmt.Errorf("gguf: %s: byte %d: %w", keyEntry(k.Name), k.start, noEOF(err))
		}
		return decodeNumbers(data, k.Kind, k.Len, k.Array), nil
	}
	d := newDecoder(f.src, k.start, k.end)
	d.entry = keyEntry(k.Name)
	if !k.Array {
		s := string(d.text(maxString, "string length"))
		return s, d.err
	}
	texts := make([]string, k.Len)
	for i := 0; i < len(texts) && d.err == nil; i++ {
		texts[i] = string(d.text(maxString, "string length"))
	}
	if d.err != nil {
		return nil, d.err
	}
	return texts, nil
}

// readKeys reads the n metadata entries and checks their values.
func (f *File) readKeys(d *decoder, n int) {
	f.keyIndex = make(map[string]int)
	for i := 0; i < n && d.err == nil; i++ {
		d.entry = fmt.Sprintf("key %d of %d", i+1, n)
		at := d.pos
		name := string(d.text(MaxKeyLen, "key length"))
		if d.err != nil {
			return
		}
		d.entry = keyEntry(name)
		if err := checkName(name, MaxKeyLen); err != nil {
			d.fail(at, "%v", err)
		} else if f.Has(name) {
			d.fail(at, "appears twice")
		}
		k := readKey(d, name)
		if name == alignmentKey && d.err == nil {
			f.readAlignment(d, k)
		}
		f.keyIndex[name] = len(f.keys)
		f.keys = append(f.keys, k)
	}
	d.entry = ""
}

// readKey reads a value's type, then moves past the value, checking it.
func readKey(d *decoder, name string) Key {
	k := Key{Name: name, Len: 1}
	at := d.pos
	k.Kind = Kind(d.uint32("value type"))
	if k.Array = k.Kind == array; k.Array {
		at = d.pos
		k.Kind = Kind(d.uint32("element type"))
	}
	switch {
	case !k.Kind.known():
		d.fail(at, "value type %d is unknown", uint32(k.Kind))
	case k.Kind == array:
		d.fail(at, "arrays of arrays are not supported")
	}
	if d.err != nil {
		return k
	}
	size := int64(kinds[k.Kind].size)
	if k.Array {
		minSize := size
		if k.Kind == String {
			minSize = 8 // its length
		}
		k.Len = d.count(minSize, "array length")
	}
	k.start = d.pos
	switch k.Kind {
	case String:
		for i := 0; i < k.Len && d.err == nil; i++ {
			at := d.pos
			if !utf8.Valid(d.text(maxString, "string length")) {
				d.fail(at, "string is not UTF-8")
			}
		}
	case Bool:
		d.bools(k.Len)
	default:
		if d.need(size*int64(k.Len), "value") {
			d.skip(size * int64(k.Len))
		}
	}
	k.end = d.pos
	return k
}

// readAlignment takes over general.alignment, which may stand anywhere among
// the keys: tensors are placed after all of them.
func (f *File) readAlignment(d *decoder, k Key) {
	if k.Kind != Uint32 || k.Array {
		d.fail(k.start, "value is a %s, must be a uint32", typeName(k.Kind, k.Array))
		return
	}
	v, err := f.value(k)
	if err != nil {
		d.err = err
		return
	}
	if err := checkAlignment(v.(uint32)); err != nil {
		d.fail(k.start, "%v", err)
	}
	f.alignment = int64(v.(uint32))
}

// noEOF makes the end of a file an error when bytes were expected.
func noEOF(err error) error {
	if err == io.EOF || err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}
