package nn

import (
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// A Store owns named tensors that outlive graphs: the weights of a model, or a
// key-value cache. It is safe for concurrent use by graphs that only read it.
type Store struct {
	arena
	tensors map[string]Tensor
	buffers []*bindings.Buffer
	unread  int                        // bytes of a mapped file that are none of the tensors'
	planned int                        // bytes of weights that are only planned
	packed  kernels.Memory             // the weights in the layout of package kernels
	origin  uintptr                    // of the layout
	host    map[bindings.Tensor][]byte // the data, of a store that NewStore made on the CPU
	layout  layout                     // of a store that NewStore made
}

// A Spec describes a tensor of a store.
type Spec struct {
	Name  string
	Type  gguf.Type
	Shape []int // fastest axis first

	// Offset is where the data starts in the file given to MapStore, in bytes;
	// NotInFile if only Read has it in this type.
	Offset int

	// Read, if not nil, fills p with the data, from a byte of it on: data that is
	// copied then comes from Read, and not from the mapped file. Calls come from
	// several goroutines; the first error ends the copying.
	Read func(p []byte, from int) error

	// Product says that graphs use the tensor only as the weights of products. It
	// may then be kept in the layout that the device multiplies fastest.
	Product bool
}

// NotInFile is the Offset of a tensor whose data does not lie in the file as graphs
// read it.
const NotInFile = -1

// NewStore returns a store of tensors filled with zeros in the memory of dev.
// name is for messages. The caller must Close the store, after the graphs that
// use it.
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
	s.layOut(specs)
	if dev.Type() == bindings.CPU {
		s.host = make(map[bindings.Tensor][]byte, len(specs))
		for _, x := range s.tensors {
			s.host[x.t] = x.t.Host()
		}
	}
	return s, nil
}

// MapStore returns a store of tensors whose data lies in file, which must stay
// mapped and unchanged until Close. Graphs only read them. Where the device can
// read host memory nothing is copied, except product weights if repack is set
// and the device has a faster layout for them; other devices get a copy of all, and
// so does any device if file is nil: then all specs have a Read. The caller must
// Close the store, after the graphs that use it.
func MapStore(dev bindings.Device, name string, file []byte, specs []Spec, repack bool) (*Store, error) {
	return mapStore(dev, name, file, specs, func(s *Store) error { return s.fill(dev, file, specs, repack) })
}

// PackStore is MapStore for the CPU, with the product weights copied into the
// layout of package kernels by a number of threads. The product weights must
// satisfy Packable. Only backends of NewKernelBackend multiply them.
func PackStore(dev bindings.Device, name string, file []byte, specs []Spec, threads int) (*Store, error) {
	return mapStore(dev, name, file, specs, func(s *Store) error { return s.pack(dev, file, specs, threads) })
}

// PlanStore is PackStore, or MapStore without repack if packed is not set, for those
// who ask what graphs will take: on the CPU nothing is read, mapped or kept, so that
// its graphs cannot be computed. Bytes counts what the weights would take.
func PlanStore(dev bindings.Device, name string, specs []Spec, packed bool) (*Store, error) {
	return newReadOnly(dev, name, specs, func(s *Store) error {
		if packed {
			specs = s.plan(specs)
		}
		return s.imagine(dev, specs)
	})
}

// mapStore describes tensors in file and has fill give them their memory.
func mapStore(dev bindings.Device, name string, file []byte, specs []Spec, fill func(*Store) error) (*Store, error) {
	return newReadOnly(dev, name, specs, func(s *Store) error {
		for _, spec := range specs {
			n := s.tensors[spec.Name].Bytes()
			switch {
			case (file == nil || spec.Offset == NotInFile) && spec.Read != nil:
			case spec.Offset < 0 || n > len(file) || spec.Offset > len(file)-n:
				return fmt.Errorf("tensor %s: %d bytes at %d of a file of %d", spec.Name, n, spec.Offset, len(file))
			}
		}
		return fill(s)
	})
}

// newReadOnly describes tensors that graphs only read, and has fill give them their
// memory.
func newReadOnly(dev bindings.Device, name string, specs []Spec, fill func(*Store) error) (*Store, error) {
	s, err := describe(dev.Lib(), name, specs, true)
	if err != nil {
		return nil, err
	}
	if err := fill(s); err != nil {
		s.Close()
		return nil, fmt.Errorf("nn: %s: %w", name, err)
	}
	return s, nil
}

// describe makes the tensors, without memory. readOnly says that graphs only
// read them.
func describe(lib *bindings.Lib, name string, specs []Spec, readOnly bool) (*Store, error) {
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
		x := Tensor{t: ctx.New(spec.Type, n[:]...), typ: spec.Type, ne: ne, nb: strides(spec.Type, ne), home: &s.arena, readOnly: readOnly}
		x.t.SetName(spec.Name)
		s.tensors[spec.Name] = x
	}
	return s, nil
}

// Bytes returns the memory held. Of a mapped file the tensors count that are read
// there.
func (s *Store) Bytes() int {
	n := 0
	for _, b := range s.buffers {
		n += b.Bytes()
	}
	return n - s.unread + kernels.AllocBytes(s.planned) + s.packed.Bytes()
}

// Clear fills a store that NewStore made with zeros. No computation may use it.
func (s *Store) Clear() {
	for _, b := range s.buffers {
		b.Clear(0)
	}
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
	s.host = nil
	for _, b := range s.buffers {
		b.Close()
	}
	s.packed.Free()
	return s.ctx.Close()
}
