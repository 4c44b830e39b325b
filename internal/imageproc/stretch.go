package imageproc

import (
	"context"

	"github.com/pgcli/paligemma/kernels"
)

// longest bounds the sides, in pixels, of a picture that the kernel stretches: it takes 48
// bytes for each pixel of a line, and a copy of all weights.
const longest = 1 << 16

// stretch resamples m [3, width, height] to [3, size, size] in bicubic arithmetic, with the
// kernel where the program has it. After the end of ctx the result is not whole.
func stretch(ctx context.Context, m *RGB, size int) []int32 {
	a := bicubic()
	if len(kernels.Levels()) == 0 || max(m.Width, m.Height) > longest {
		return resample(ctx, m, size, a)
	}
	s := kernels.Stretch{
		Width: m.Width, Size: size,
		Columns: sideBySide(windows(m.Width, size, a.kernel, a.weight)),
		Lines:   sideBySide(windows(m.Height, size, a.kernel, a.weight)),
	}
	pixels, out := m.Pix[:3*m.Width*m.Height], make([]int32, 3*size*size) // [3, size, size]

	// The kernel is eight times as fast as Go.
	const faster = 8
	bands(ctx, size, m.Width*m.Height/size/faster, func(lo, hi int) { s.Run(out, pixels, lo, hi) })
	return out
}

// sideBySide lays out windows as the kernel reads them: all weights in one slice.
func sideBySide(all []window[int32]) kernels.Windows {
	out := kernels.Windows{At: []int32{0}}
	for _, w := range all {
		out.First = append(out.First, int32(w.first))
		out.Weights = append(out.Weights, w.weights...)
		out.At = append(out.At, int32(len(out.Weights)))
	}
	return out
}
