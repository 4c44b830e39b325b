package nn

import (
	"fmt"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// Packable reports whether PackStore takes a product weight of type t and the
// given shape.
func Packable(t gguf.Type, shape []int) bool {
	return len(shape) == 2 && kernels.Packable(t, shape[0], shape[1])
}

// packPanels is how much of a matrix a thread packs at a time at most, in panels of
// panelRows rows.
const packPanels, panelRows = 16, 32

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
	var jobs []job
	free := s.packed
	for _, spec := range products {
		n := kernels.PackedBytes(spec.Type, spec.Shape[0], spec.Shape[1])
		jobs = append(jobs, s.packJobs(spec, file, free[:n])...)
		free = free[n:]
	}
	return inParallel(threads, jobs)
}

// plan notes the product weights that pack would pack, and returns the others.
func (s *Store) plan(specs []Spec) (rest []Spec) {
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
	return rest
}

// packJobs returns the jobs that pack spec, some panels each, into memory.
func (s *Store) packJobs(spec Spec, file []byte, memory kernels.Memory) (jobs []job) {
	k, m := spec.Shape[0], spec.Shape[1]
	w := &kernels.Matrix{Type: spec.Type, K: k, M: m, Packed: memory}
	x := s.tensors[spec.Name]
	x.packed = w
	s.tensors[spec.Name] = x
	panels := kernels.Panels(m)
	rowBytes := x.Bytes() / m
	step := packPanels
	if spec.Read != nil { // about as many bytes as copyData reads
		step = max(1, min(step, copyStep/(panelRows*rowBytes)))
	}
	for first := 0; first < panels; first += step {
		last := min(first+step, panels)
		if spec.Read == nil {
			rows := file[spec.Offset:][:x.Bytes()]
			jobs = append(jobs, func(*[]byte) error { w.Pack(rows, first, last); return nil })
			continue
		}
		jobs = append(jobs, func(scratch *[]byte) error {
			from, to := first*panelRows, min(last*panelRows, m)
			rows := sized(scratch, (to-from)*rowBytes)
			if err := spec.Read(rows, from*rowBytes); err != nil {
				return err
			}
			n := kernels.PackedBytes(spec.Type, k, panelRows) // of a panel
			part := &kernels.Matrix{Type: spec.Type, K: k, M: to - from, Packed: memory[first*n:][:(last-first)*n]}
			part.Pack(rows, 0, last-first)
			return nil
		})
	}
	return jobs
}
