package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/pgcli/paligemma/gguf"
)

// verify opens the outputs by their temporary names and compares them, byte by byte, with a second
// conversion. That finds damage between memory and disk, and a source that changed
// meanwhile.
func (j *job) verify(ctx context.Context, ggml *engine, writers []*gguf.FileWriter) error {
	s := &compareSink{files: map[*tensor]*gguf.File{}}
	for i, out := range j.plan.Outputs {
		f, err := gguf.Open(ctx, writers[i].TempName())
		if err != nil {
			return fmt.Errorf("verify: %s: %w", out.Path, err)
		}
		defer f.Close()
		if err := out.compareHeader(f); err != nil {
			return fmt.Errorf("verify: %s: %w", out.Path, err)
		}
		for _, t := range out.Tensors {
			s.files[t.tensor] = f
		}
	}
	if err := j.pass(ctx, ggml, s, nil, true); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return nil
}

// compareHeader compares metadata and descriptions of tensors.
func (o Output) compareHeader(f *gguf.File) error {
	if n := len(f.Keys()); n != len(o.Metadata) {
		return fmt.Errorf("has %d metadata keys, want %d", n, len(o.Metadata))
	}
	for _, kv := range o.Metadata {
		value, err := f.Value(kv.Key)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(value, kv.Value) {
			return fmt.Errorf("key %s holds another value than was written", kv.Key)
		}
	}
	if n := len(f.Tensors()); n != len(o.Tensors) {
		return fmt.Errorf("has %d tensors, want %d", n, len(o.Tensors))
	}
	for i, t := range f.Tensors() {
		want := o.Tensors[i]
		if t.Name != want.Name || t.Type != want.Type || !slices.Equal(t.Shape, want.Shape) {
			return fmt.Errorf("tensor %d is %s %v %v, want %s %v %v", i, t.Name, t.Type, t.Shape, want.Name, want.Type, want.Shape)
		}
	}
	return nil
}

// A compareSink compares tensors with the tensors of files.
type compareSink struct {
	files  map[*tensor]*gguf.File
	now    *tensor
	reader *io.SectionReader
	at     int64
	buffer []byte
}

func (s *compareSink) begin(t *tensor) (err error) {
	s.now, s.at = t, 0
	s.reader, err = s.files[t].Reader(t.name)
	return err
}

func (s *compareSink) write(p []byte) error {
	s.buffer = grow(s.buffer, len(p))
	if _, err := io.ReadFull(s.reader, s.buffer); err != nil {
		return fmt.Errorf("%s: %w", s.now.name, noEOF(err))
	}
	if !bytes.Equal(s.buffer, p) {
		i := 0
		for s.buffer[i] == p[i] {
			i++
		}
		return fmt.Errorf("%s: byte %d is %#02x, want %#02x", s.now.name, s.at+int64(i), s.buffer[i], p[i])
	}
	s.at += int64(len(p))
	return nil
}

func (s *compareSink) end() error {
	if s.at != s.reader.Size() {
		return errors.New(s.now.name + " has more bytes than were written")
	}
	return nil
}
