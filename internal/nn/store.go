package nn

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// A Store owns tensors by name that outlive graphs: a model's weights, or a
// key-value cache. It is safe for concurrent use by graphs that only read it.
type Store struct {
	arena
	tensors map[string]Tensor
	buffers []*bindings.Buffer
	packed  kernels.Memory // of the weights that our kernels read
}

// A Spec describes a tensor of a store.
type Spec struct {
	Name  string
	Type  gguf.Type
	Shape []int // fastest axis first

	// Offset is where the data starts in the file given to MapStore, in bytes.
	Offset int

	// Product says that the tensor is only ever the weight of MulMat. It may
	// then be kept in the layout that the device multiplies fastest.
	Product bool

	// Copied, if not nil, is called once the data is copied and its place in the
	// file is not read again. Calls come from several goroutines.
	Copied func()
}

// NewStore returns tensors filled with zeros in the device's memory. The
// caller must Close it, after the graphs that use it.
func NewStore(dev bindings.Device, name string, specs []Spec) (*Store, error) {
	s, err := describe(dev.Lib(), name, specs, false)
	if err != nil {
		return nil, err
	}
	if len(specs) == 0 {
		return s, nil
	}
	b, err := s.ctx.AllocAll(dev.BufferType())
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("nn: %s: %w", name, err)
	}
	b.Clear(0)
	s.buffers = append(s.buffers, b)
	return s, nil
}

// MapStore returns tensors whose data lies in file, which must stay mapped and
// unchanged until Close. Where the device can read host memory nothing is
// copied, except product weights if repack is set and the device has a faster
// layout for them; elsewhere all of it is. The caller must Close the store,
// after the graphs that use it.
func MapStore(dev bindings.Device, name string, file []byte, specs []Spec, repack bool) (*Store, error) {
	return mapStore(dev, name, file, specs, func(s *Store) error { return s.fill(dev, file, specs, repack) })
}

// PackStore is MapStore for the CPU, with the product weights copied into the
// layout of package kernels. Those must satisfy Packable. Only backends with
// kernels multiply them.
func PackStore(dev bindings.Device, name string, file []byte, specs []Spec, threads int) (*Store, error) {
	return mapStore(dev, name, file, specs, func(s *Store) error { return s.pack(dev, file, specs, threads) })
}

func mapStore(dev bindings.Device, name string, file []byte, specs []Spec, fill func(*Store) error) (*Store, error) {
	s, err := describe(dev.Lib(), name, specs, true)
	if err != nil {
		return nil, err
	}
	for _, spec := range specs {
		if n := s.tensors[spec.Name].Bytes(); spec.Offset < 0 || n > len(file) || spec.Offset > len(file)-n {
			s.Close()
			return nil, fmt.Errorf("nn: %s: tensor %s: %d bytes at %d of a file of %d", name, spec.Name, n, spec.Offset, len(file))
		}
	}
	if err := fill(s); err != nil {
		s.Close()
		return nil, fmt.Errorf("nn: %s: %w", name, err)
	}
	return s, nil
}

// describe makes the tensors, without memory; fixed says that graphs only read
// them.
func describe(lib *bindings.Lib, name string, specs []Spec, fixed bool) (*Store, error) {
	ctx, err := lib.NewContext(len(specs), 0)
	if err != nil {
		return nil, err
	}
	s := &Store{arena: arena{ctx: ctx, name: name}, tensors: make(map[string]Tensor, len(specs))}
	for _, spec := range specs {
		ne, err := shape4(spec.Type, spec.Shape)
		if _, twice := s.tensors[spec.Name]; twice {
			err = errors.New("there are two of that name")
		}
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("nn: %s: tensor %s: %w", name, spec.Name, err)
		}
		n := native(ne)
		x := Tensor{t: ctx.New(spec.Type, n[:]...), typ: spec.Type, ne: ne, nb: strides(spec.Type, ne), home: &s.arena, fixed: fixed}
		x.t.SetName(spec.Name)
		s.tensors[spec.Name] = x
	}
	return s, nil
}

// fill gives each tensor the best memory for it.
func (s *Store) fill(dev bindings.Device, file []byte, specs []Spec, repack bool) error {
	var placed []Spec
	memory := map[bindings.BufferType][]Spec{}
	for _, spec := range specs {
		if t, ok := s.fastest(dev, spec, repack); ok {
			memory[t] = append(memory[t], spec)
			x := s.tensors[spec.Name]
			x.tiled = true
			s.tensors[spec.Name] = x
		} else {
			placed = append(placed, spec)
		}
	}
	if err := s.borrow(dev, file, placed); err != nil {
		memory[dev.BufferType()] = placed
	}
	return s.copyAll(file, memory)
}

// copyAll places tensors in new memory of each type.
func (s *Store) copyAll(file []byte, memory map[bindings.BufferType][]Spec) error {
	for t, group := range memory {
		if err := s.copy(t, file, group); err != nil {
			return err
		}
	}
	for _, b := range s.buffers {
		b.MarkWeights()
	}
	return nil
}

// fastest picks the special memory in which the device multiplies spec
// fastest, if there is one.
func (s *Store) fastest(dev bindings.Device, spec Spec, repack bool) (bindings.BufferType, bool) {
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

// multiplies asks the device whether it can multiply by such a weight in
// memory t. ggml answers for a tensor in place, so one is made for the asking.
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
	for _, spec := range specs {
		if err := b.Place(s.tensors[spec.Name].t, spec.Offset); err != nil {
			return fmt.Errorf("tensor %s: %w", spec.Name, err)
		}
	}
	return nil
}

// copy places tensors in new memory of type t and copies their data, on all
// processors: ggml repacks weights while it copies.
func (s *Store) copy(t bindings.BufferType, file []byte, specs []Spec) error {
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
	for i, spec := range specs {
		if err := b.Place(s.tensors[spec.Name].t, offsets[i]); err != nil {
			return fmt.Errorf("tensor %s: %w", spec.Name, err)
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, len(specs))
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(specs)) {
		wg.Go(func() {
			for i := range next {
				x := s.tensors[specs[i].Name]
				errs[i] = bindings.Set(x.t, 0, file[specs[i].Offset:][:x.Bytes()])
				if specs[i].Copied != nil {
					specs[i].Copied()
				}
			}
		})
	}
	for i := range specs {
		next <- i
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// Names returns the names of all tensors, sorted.
func (s *Store) Names() []string {
	names := make([]string, 0, len(s.tensors))
	for name := range s.tensors {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Bytes returns the memory held, borrowed memory included.
func (s *Store) Bytes() int {
	n := 0
	for _, b := range s.buffers {
		n += b.Bytes()
	}
	return n + s.packed.Bytes()
}

// Close frees the memory. It fails while graphs use the store. It is safe on
// nil and when closed.
func (s *Store) Close() error {
	if s == nil {
		return nil
	}
	if first, err := s.shut(); !first {
		return err
	}
	for _, b := range s.buffers {
		b.Close()
	}
	s.packed.Free()
	return s.ctx.Close()
}
