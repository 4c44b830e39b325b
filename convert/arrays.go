package convert

import "fmt"

// A Spec describes one array of a checkpoint.
type Spec struct {
	Name   string
	Shape  []int   // row-major
	Slices []Slice // its content, in this order
}

// A Slice is a part of an array that becomes one tensor.
type Slice struct {
	Tensor string // its name in a GGUF file
	Shape  []int  // row-major, without padding

	place grid
}

// Store copies the slice's values, of size bytes each (2 or 4) and in row-major
// order of Shape, to dst in the order in which the array has them. Slices that
// are Plain are the same in both.
func (s Slice) Store(dst, values []byte, size int) {
	if s.Plain() {
		copy(dst, values)
		return
	}
	i := 0
	for _, row := range s.place.rows {
		for _, col := range s.place.cols {
			copy(dst[(row+col)*size:][:size], values[i:i+size])
			i += size
		}
	}
}

// Plain reports whether the array has the values in row-major order of Shape.
func (s Slice) Plain() bool { return s.place.stored() }

// Arrays lists the arrays of a checkpoint of the given size and format: the
// registry read backwards. Hugging Face's arrays have the names of the published
// checkpoints. Arrays is for programs that write checkpoints.
func (d Dims) Arrays(f Format) ([]Spec, error) {
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	var list []Spec
	index := map[string]int{}
	for _, p := range registry {
		if !p.in(d.Family) {
			continue
		}
		for layer := range p.count(d) {
			s := Spec{Name: p.name(p.gguf, layer), Shape: d.stored(p.shape)}
			slice := Slice{Tensor: s.Name, Shape: d.shape(p.shape)}
			switch f {
			case GGUF:
				slice.Shape = s.Shape
			case HuggingFace:
				s.Name, s.Shape = hfPrefixes[p.part][0]+p.name(p.hf, layer), slice.Shape
			case BigVision:
				s.Name, s.Shape = p.npz, d.shape(p.stacked)
				_, pattern := d.slice(p.stacked, layer)
				slice.place = d.grid(p.shape, pattern)
			default:
				return nil, fmt.Errorf("convert: unknown format %q", f)
			}
			i, seen := index[s.Name]
			if !seen {
				i = len(list)
				index[s.Name] = i
				list = append(list, s)
			}
			list[i].Slices = append(list[i].Slices, slice)
		}
	}
	if f == BigVision {
		d.sortSlices(list)
	}
	return list, nil
}

// sortSlices interleaves the tensors that share an array, such as the keys and
// values of each layer, which the registry lists one after the other.
func (d Dims) sortSlices(list []Spec) {
	for i, s := range list {
		kinds := len(s.Slices)
		for _, p := range registry {
			if p.npz == s.Name && p.in(d.Family) {
				kinds = len(s.Slices) / p.count(d)
			}
		}
		layers := len(s.Slices) / kinds
		sorted := make([]Slice, 0, len(s.Slices))
		for layer := range layers {
			for kind := range kinds {
				sorted = append(sorted, s.Slices[kind*layers+layer])
			}
		}
		list[i].Slices = sorted
	}
}
