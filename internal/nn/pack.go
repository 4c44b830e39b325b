package nn

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/kernels"
)

// Packable reports whether PackStore takes a product weight of that type and
// shape.
func Packable(t gguf.Type, shape []int) bool {
	return len(shape) == 2 && kernels.Packable(t, shape[0], shape[1])
}

// packPanels is how much of a matrix is packed at a time, in panels.
const packPanels = 16

// pack packs the product weights and lets the rest lie in the file.
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
	if err := s.borrow(dev, file, rest); err != nil {
		if err := s.copyAll(file, map[bindings.BufferType][]Spec{dev.BufferType(): rest}); err != nil {
			return err
		}
	}
	for _, b := range s.buffers {
		b.MarkWeights()
	}
	if size == 0 {
		return nil
	}
	var err error
	if s.packed, err = kernels.Alloc(size); err != nil {
		return err
	}
	jobs, at := []func(){}, s.packed
	for _, spec := range products {
		k, m := spec.Shape[0], spec.Shape[1]
		n := kernels.PackedBytes(spec.Type, k, m)
		w := &kernels.Matrix{Type: spec.Type, K: k, M: m, Packed: at[:n]}
		at = at[n:]
		x := s.tensors[spec.Name]
		x.packed = w
		s.tensors[spec.Name] = x
		rows := file[spec.Offset:][:x.Bytes()]
		var left atomic.Int64
		panels := kernels.Panels(m)
		left.Store(int64((panels + packPanels - 1) / packPanels))
		for first := 0; first < panels; first += packPanels {
			jobs = append(jobs, func() {
				w.Pack(rows, first, min(first+packPanels, panels))
				if left.Add(-1) == 0 && spec.Copied != nil {
					spec.Copied()
				}
			})
		}
	}
	inParallel(threads, jobs)
	return nil
}

// inParallel runs jobs in order, threads at a time.
func inParallel(threads int, jobs []func()) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(jobs)); i = next.Add(1) - 1 {
				jobs[i]()
			}
		})
	}
	wg.Wait()
}
