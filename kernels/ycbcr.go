package kernels

// RGB converts a line of full-range BT.601 in libjpeg's 16-bit fixed point. Like
// Upsample it works without kernels, but slower.
func RGB(rgb, y, cb, cr []uint8, level Level) {
	n := len(rgb) / 3
	if y, cb, cr = y[:n], cb[:n], cr[:n]; !nativeRGB(rgb, y, cb, cr, level) {
		toRGB(rgb, y, cb, cr)
	}
}

// toRGB defines RGB.
func toRGB(rgb, y, cb, cr []uint8) {
	const half = 1 << 15
	for i := range y {
		y, b, r := int32(y[i]), int32(cb[i])-128, int32(cr[i])-128
		p := rgb[3*i : 3*i+3]
		p[0] = clip8(y + (91881*r+half)>>16)          // 1.40200
		p[1] = clip8(y + (-22554*b-46802*r+half)>>16) // 0.34414, 0.71414
		p[2] = clip8(y + (116130*b+half)>>16)         // 1.77200
	}
}

func clip8(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

// Upsample spreads 2 or more cells of 2 x 2 pixels over a line, which lies in the
// cells near, next to the cells far. In both directions the nearest cell weighs 3,
// the next one 1; the cells at the ends repeat.
func Upsample(out, near, far []uint8, level Level) {
	out, far = out[:2*len(near)], far[:len(near)]
	if !nativeUpsample(out, near, far, level) {
		upsample(out, near, far)
	}
}

// upsample defines Upsample.
func upsample(out, near, far []uint8) {
	sum := func(i int) int { return 3*int(near[i]) + int(far[i]) }
	left, v := sum(0), sum(0)
	for i := range near {
		right := sum(min(i+1, len(near)-1))
		out[2*i] = uint8((3*v + left + 8) >> 4)
		out[2*i+1] = uint8((3*v + right + 7) >> 4)
		left, v = v, right
	}
}
