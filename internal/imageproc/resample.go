package imageproc

import (
	"context"
	"math"
)

// A kernel weighs a source pixel by its distance from an output pixel's centre, in source
// pixels when enlarging and output pixels when reducing. It is zero from support on.
type kernel struct {
	support float64
	at      func(distance float64) float64
}

// cubic is the Keys kernel with a = -0.5. Each product is rounded by a conversion so
// that no processor fuses it with the addition, which would change last bits.
func cubic(d float64) float64 {
	const a = -0.5
	switch {
	case d < 1:
		return float64((float64((a+2)*d)-(a+3))*d*d) + 1
	case d < 2:
		return (float64((float64((d-5)*d)+8)*d) - 4) * a
	}
	return 0
}

// triangle is the kernel of linear interpolation.
func triangle(d float64) float64 { return max(1-d, 0) }

// A window is the range of source pixels, from first on, that make one output pixel.
type window[T int32 | float32] struct {
	first   int
	weights []T
}

// windows computes the windows that stretch in source pixels to out. When reducing, the
// kernel widens by the scale (antialiasing). The weights of a window add up to 1, also
// where the picture's edge cuts it.
func windows[T int32 | float32](in, out int, k kernel, round func(float64) T) []window[T] {
	scale := float64(in) / float64(out)
	widen := max(scale, 1)
	support := k.support * widen
	all := make([]window[T], out)
	var exact []float64
	for i := range all {
		centre := (float64(i) + 0.5) * scale
		first := max(int(centre-support+0.5), 0)
		end := min(int(centre+support+0.5), in)
		exact = exact[:0]
		sum := 0.0
		for x := first; x < end; x++ {
			w := k.at(math.Abs((float64(x) - centre + 0.5) * (1 / widen)))
			exact = append(exact, w)
			sum += w
		}
		weights := make([]T, len(exact))
		for j, w := range exact {
			weights[j] = round(w / sum)
		}
		all[i] = window[T]{first, weights}
	}
	return all
}

// An arithmetic says how one kind of resampling computes.
type arithmetic[T int32 | float32] struct {
	kernel kernel
	weight func(float64) T // rounds a weight
	start  T               // what each sum starts from
	finish func(T) T       // turns the sum of a pass into a sample
}

// resample stretches m [3, width, height] to [3, size, size]: r, g, b of each pixel, row
// by row. Each source line is stretched horizontally, finished, and added with its
// vertical weight to the output lines whose windows hold it, so only the output and one
// line are stored. After the end of ctx the result is not whole.
func resample[T int32 | float32](ctx context.Context, m *RGB, size int, a arithmetic[T]) []T {
	columns := windows(m.Width, size, a.kernel, a.weight)
	lines := windows(m.Height, size, a.kernel, a.weight)
	out := make([]T, 3*size*size) // [3, size, size]
	bands(ctx, size, 0, func(lo, hi int) {
		mine := out[3*size*lo : 3*size*hi]
		for i := range mine {
			mine[i] = a.start
		}
		row := make([]T, 3*size)
		oldest := lo // windows start and end in order, so those open at y are consecutive
		for y := lines[lo].first; oldest < hi && ctx.Err() == nil; y++ {
			stretchRow(row, m.row(y), columns, a)
			for i := oldest; i < hi && lines[i].first <= y; i++ {
				addScaled(out[3*size*i:3*size*(i+1)], row, lines[i].weights[y-lines[i].first])
			}
			for oldest < hi && lines[oldest].first+len(lines[oldest].weights) == y+1 {
				oldest++
			}
		}
		for i, sum := range mine {
			mine[i] = a.finish(sum)
		}
	})
	return out
}

// stretchRow is the horizontal pass over one line of source pixels: [3, width] to [3, size].
func stretchRow[T int32 | float32](dst []T, src []uint8, columns []window[T], a arithmetic[T]) {
	for x, w := range columns {
		r, g, b := a.start, a.start, a.start
		p := src[3*w.first:][:3*len(w.weights)]
		for _, k := range w.weights {
			r += T(p[0]) * k
			g += T(p[1]) * k
			b += T(p[2]) * k
			p = p[3:]
		}
		dst[3*x], dst[3*x+1], dst[3*x+2] = a.finish(r), a.finish(g), a.finish(b)
	}
}

// addScaled adds k times src to dst.
func addScaled[T int32 | float32](dst, src []T, k T) {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] += v * k
	}
}
