package nn

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/guard"
)

// Tensors of a store get memory in one of three ways. borrow leaves them where
// they lie in the file, copyInto copies them into memory of a type of buffer,
// and pack (pack.go) rearranges them for package kernels. For a plan imagine
// gives them addresses without memory.

// fill gives each tensor the fastest memory that the device has for it.
func (s *Store) fill(dev bindings.Device, file []byte, specs []Spec, repack bool) error {
	var rest []Spec // that may stay in the file
	copied := map[bindings.BufferType][]Spec{}
	for _, spec := range specs {
		if spec.Offset == NotInFile {
			copied[dev.BufferType()] = append(copied[dev.BufferType()], spec)
		} else if t, ok := fastest(dev, spec, repack); ok {
			copied[t] = append(copied[t], spec)
			x := s.tensors[spec.Name]
			x.repacked = true
			s.tensors[spec.Name] = x
		} else {
			rest = append(rest, spec)
		}
	}
	if err := s.borrow(dev, file, rest); err != nil {
		copied[dev.BufferType()] = append(copied[dev.BufferType()], rest...)
	}
	for t, group := range copied {
		if err := s.copyInto(t, file, group); err != nil {
			return err
		}
	}
	s.markWeights()
	return nil
}

// markWeights tells ggml that the buffers hold weights.
func (s *Store) markWeights() {
	for _, b := range s.buffers {
		b.MarkWeights()
	}
}

// fastest returns the special buffer type from which the device multiplies spec
// fastest, if it has one and repack is set.
func fastest(dev bindings.Device, spec Spec, repack bool) (bindings.BufferType, bool) {
	if !repack || !spec.Product || len(spec.Shape) != 2 {
		return bindings.BufferType{}, false
	}
	for _, t := range dev.ExtraBufferTypes() {
		if multiplies(dev, t, spec) {
			return t, true
		}
	}
	return bindings.BufferType{}, false
}

// multiplies reports whether the device can multiply by spec in a buffer of type
// t. ggml answers only for a tensor that has memory, so this makes one.
func multiplies(dev bindings.Device, t bindings.BufferType, spec Spec) bool {
	ctx, err := dev.Lib().NewContext(3, 0)
	if err != nil {
		return false
	}
	defer ctx.Close()
	w := ctx.New(spec.Type, int64(spec.Shape[0]), int64(spec.Shape[1]))
	b, err := t.Alloc(t.TensorBytes(w))
	if err != nil {
		return false
	}
	defer b.Close()
	if b.Place(w, 0) != nil {
		return false
	}
	return dev.SupportsOp(ctx.MulMat(w, ctx.New(gguf.F32, int64(spec.Shape[0]), 1)))
}

// borrow places tensors where they lie in the file. It changes nothing unless
// it succeeds for all.
func (s *Store) borrow(dev bindings.Device, file []byte, specs []Spec) error {
	if len(specs) == 0 {
		return nil
	}
	if file == nil {
		return errors.New("the file is not mapped")
	}
	largest, align := 0, dev.BufferType().Alignment()
	for _, spec := range specs {
		if spec.Offset%align != 0 {
			return fmt.Errorf("tensor %s at %d, want a multiple of %d", spec.Name, spec.Offset, align)
		}
		largest = max(largest, s.tensors[spec.Name].Bytes())
	}
	b, err := dev.Borrow(file, largest)
	if err != nil {
		return err
	}
	s.buffers = append(s.buffers, b)
	s.unread += b.Bytes()
	for _, spec := range specs {
		s.unread -= s.tensors[spec.Name].Bytes()
		if err := b.Place(s.tensors[spec.Name].t, spec.Offset); err != nil {
			return fmt.Errorf("tensor %s: %w", spec.Name, err)
		}
	}
	return nil
}

// copyInto places tensors in a new buffer of type t and copies their data, on
// all processors: ggml repacks weights while it copies.
func (s *Store) copyInto(t bindings.BufferType, file []byte, specs []Spec) error {
	size, offsets := 0, make([]int, len(specs))
	for i, spec := range specs {
		offsets[i] = size
		n := t.TensorBytes(s.tensors[spec.Name].t)
		size += (n + t.Alignment() - 1) / t.Alignment() * t.Alignment()
	}
	b, err := t.Alloc(size)
	if err != nil {
		return err
	}
	s.buffers = append(s.buffers, b)
	jobs := make([]job, len(specs))
	for i, spec := range specs {
		x := s.tensors[spec.Name]
		if err := b.Place(x.t, offsets[i]); err != nil {
			return fmt.Errorf("tensor %s: %w", spec.Name, err)
		}
		jobs[i] = func(scratch *[]byte) error { return copyData(x, file, spec, scratch) }
	}
	return inParallel(runtime.GOMAXPROCS(0), jobs)
}

// copyStep is how many bytes of a tensor are read at a time.
const copyStep = 1 << 20

// copyData copies the data of a tensor: in steps, unless ggml changes its layout,
// which it does to whole tensors only.
func copyData(x Tensor, file []byte, spec Spec, scratch *[]byte) error {
	n := x.Bytes()
	if spec.Read == nil {
		return bindings.Set(x.t, 0, file[spec.Offset:][:n])
	}
	step := n
	if !x.repacked {
		step = min(n, copyStep)
	}
	for at := 0; at < n; at += step {
		part := sized(scratch, min(step, n-at))
		if err := spec.Read(part, at); err != nil {
			return err
		}
		if err := bindings.Set(x.t, at, part); err != nil {
			return err
		}
	}
	return nil
}

// imagine gives tensors addresses without memory, on the CPU. Elsewhere it gives them
// memory of the device.
func (s *Store) imagine(dev bindings.Device, specs []Spec) error {
	size, align := 0, dev.BufferType().Alignment()
	offsets := make([]int, len(specs))
	for i, spec := range specs {
		offsets[i] = size
		size += (s.tensors[spec.Name].Bytes() + align - 1) / align * align
	}
	if size == 0 {
		return nil
	}
	b, err := dev.Imagine(size)
	if err != nil {
		if b, err = dev.BufferType().Alloc(size); err != nil {
			return err
		}
	}
	s.buffers = append(s.buffers, b)
	for i, spec := range specs {
		if err := b.Place(s.tensors[spec.Name].t, offsets[i]); err != nil {
			return fmt.Errorf("tensor %s: %w", spec.Name, err)
		}
	}
	s.markWeights()
	return nil
}

// A job is a piece of work. It may use scratch, memory that stays from one job to the
// next.
type job func(scratch *[]byte) error

// sized returns the first n bytes of scratch, which it makes large enough.
func sized(scratch *[]byte, n int) []byte {
	if cap(*scratch) < n {
		*scratch = make([]byte, n)
	}
	return (*scratch)[:n]
}

// inParallel runs jobs in order, threads at a time, until one fails.
func inParallel(threads int, jobs []job) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(threads, len(jobs)) {
		wg.Go(func() {
			var scratch []byte
			for i := next.Add(1) - 1; i < int64(len(jobs)) && failed.Load() == nil; i = next.Add(1) - 1 {
				if err := guard.Run(func() error { return jobs[i](&scratch) }); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
