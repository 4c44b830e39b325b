package nn

import (
	"fmt"
	"sync/atomic"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// Packable reports whether PackStore takes a product weight of type t and the
// given shape.
func Packable(t gguf.Type, shape []int) bool {
	return len(shape) == 2 && kernels.Packable(t, shape[0], shape[1])
}

// packPanels is how much of a matrix a thread packs at a time, in panels.
const packPanels = 16

// pack packs the product weights and leaves the other tensors in the file.
func (s *Store) pack(dev bindings.Device, file []byte, specs []Spec, threads int) error {
	var products, rest []Spec
	size := 0
	for _, spec := range specs {
		switch {
		case !spec.Product:
			rest = append(rest, spec)
			continue
		case !Packable(spec.Type, spec.Shape):
			return fmt.Errorf("tensor %s: kernels do not multiply %v %v", spec.Name, spec.Type, spec.Shape)
		}
		products = append(products, spec)
		size += kernels.PackedBytes(spec.Type, spec.Shape[0], spec.Shape[1])
	}
	if err := s.fill(dev, file, rest, false); err != nil {
		return err
	}
	if size == 0 {
		return nil
	}
	var err error
	if s.packed, err = kernels.Alloc(size); err != nil {
		return err
	}
	var jobs []func()
	free := s.packed
	for _, spec := range products {
		n := kernels.PackedBytes(spec.Type, spec.Shape[0], spec.Shape[1])
		jobs = append(jobs, s.packJobs(spec, file, free[:n])...)
		free = free[n:]
	}
	inParallel(threads, jobs)
	return nil
}

// plan notes what pack would do.
func (s *Store) plan(dev bindings.Device, file []byte, specs []Spec) error {
	var rest []Spec
	for _, spec := range specs {
		if !spec.Product {
			rest = append(rest, spec)
			continue
		}
		x := s.tensors[spec.Name]
		x.packed = &kernels.Matrix{Type: spec.Type, K: spec.Shape[0], M: spec.Shape[1]}
		s.tensors[spec.Name] = x
		s.planned += kernels.PackedBytes(spec.Type, spec.Shape[0], spec.Shape[1])
	}
	return s.fill(dev, file, rest, false)
}

// packJobs returns the jobs that pack spec, some panels each, into memory.
func (s *Store) packJobs(spec Spec, file []byte, memory kernels.Memory) (jobs []func()) {
	k, m := spec.Shape[0], spec.Shape[1]
	w := &kernels.Matrix{Type: spec.Type, K: k, M: m, Packed: memory}
	x := s.tensors[spec.Name]
	x.packed = w
	s.tensors[spec.Name] = x
	rows := file[spec.Offset:][:x.Bytes()]
	panels := kernels.Panels(m)
	var left atomic.Int64
	left.Store(int64((panels + packPanels - 1) / packPanels))
	for first := 0; first < panels; first += packPanels {
		jobs = append(jobs, func() {
			w.Pack(rows, first, min(first+packPanels, panels))
			if left.Add(-1) == 0 && spec.Copied != nil {
				spec.Copied()
			}
		})
	}
	return jobs
}
