package kernels

// stretch defines Stretch for all lines.
func stretch(s *Stretch, pixels []uint8) []int32 {
	var wide []uint8
	for len(pixels) > 0 {
		for _, v := range s.Columns.weigh(pixels[:3*s.Width], 3) {
			wide = append(wide, uint8(v))
		}
		pixels = pixels[3*s.Width:]
	}
	return s.Lines.weigh(wide, 3*s.Size)
}

// weigh defines one pass: each result is a weighted sum of groups of samples.
func (w *Windows) weigh(samples []uint8, group int) (out []int32) {
	for i, first := range w.First {
		for c := range group {
			sum := int32(1 << 21)
			for j, k := range w.Weights[w.At[i]:w.At[i+1]] {
				sum += k * int32(samples[(int(first)+j)*group+c])
			}
			out = append(out, min(max(sum>>22, 0), 255))
		}
	}
	return out
}
