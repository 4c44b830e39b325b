package kernels

// unfold defines Unfold, for columns side by side.
func unfold(image []float32, w, h, channels, side int) []float32 {
	var out []float32
	for top := 0; top < h; top += side {
		for left := 0; left < w; left += side {
			for c := range channels {
				for y := range side {
					for x := range side {
						out = append(out, image[(c*h+top+y)*w+left+x])
					}
				}
			}
		}
	}
	return out
}
