package imageproc

import (
	"context"
	"fmt"
	"image"
)

// A Filter is the rule by which a picture is stretched.
type Filter int

const (
	// Bicubic is Pillow's antialiased bicubic on bytes, which Hugging Face's SigLIP
	// image processor uses.
	Bicubic Filter = iota
	// Bilinear is tf.image.resize with antialias=True in float32, without rounding to
	// bytes, which big_vision's PaliGemma uses.
	Bilinear
)

// MaxSize is the largest side of square that Prepare makes, in pixels.
const MaxSize = 4096

// Options say how to prepare a picture.
type Options struct {
	Size      int    // side of the square in pixels, such as 224
	Filter    Filter // zero is Bicubic
	MaxPixels int    // most pixels the picture may have; 0 means DefaultMaxPixels
}

// Prepare stretches img to a square and scales it to [-1, 1]. The result has shape
// [w, h, 3], fastest axis first (a plane of red, one of green, one of blue):
// sample c of pixel (x, y) is at c*Size*Size + y*Size + x. It fails for a size
// outside 1 to [MaxSize], for an unknown filter, where [FromImage] fails and when ctx ends.
func Prepare(ctx context.Context, img image.Image, o Options) ([]float32, error) {
	if o.Size < 1 || o.Size > MaxSize {
		return nil, fmt.Errorf("image size %d is out of range 1 to %d", o.Size, MaxSize)
	}
	m, err := FromImage(ctx, img, o.MaxPixels)
	if err != nil {
		return nil, err
	}
	switch o.Filter {
	case Bicubic:
		return normalize(stretch(ctx, m, o.Size)), context.Cause(ctx)
	case Bilinear:
		return normalizeFloat(resample(ctx, m, o.Size, bilinear())), context.Cause(ctx)
	}
	return nil, fmt.Errorf("unknown filter %d; expected Bicubic or Bilinear", o.Filter)
}

// Stretch is the bicubic step of [Prepare] alone: it returns the size x size picture of
// 8-bit samples that the model is shown. It fails only if size is not from 1 to [MaxSize].
func (m *RGB) Stretch(size int) (*RGB, error) {
	if size < 1 || size > MaxSize {
		return nil, fmt.Errorf("image size %d is out of range 1 to %d", size, MaxSize)
	}
	out := newRGB(size, size)
	for i, v := range stretch(context.Background(), m, size) { // [3, w, h]
		out.Pix[i] = uint8(v)
	}
	return out, nil
}

// bicubic is Pillow's resampling of 8-bit samples. Weights are fixed-point numbers with 22
// fractional bits, rounded half away from zero; each pass is rounded and clipped to bytes.
func bicubic() arithmetic[int32] {
	const precision = 32 - 8 - 2 // sums of bytes times weights, overshoot included, fit 32 bits
	return arithmetic[int32]{
		kernel: kernel{support: 2, at: cubic},
		weight: func(w float64) int32 {
			if w < 0 {
				return int32(float64(w*(1<<precision)) - 0.5)
			}
			return int32(float64(w*(1<<precision)) + 0.5)
		},
		start:  1 << (precision - 1), // one half
		finish: func(sum int32) int32 { return min(max(sum>>precision, 0), 255) },
	}
}

// bilinear is tf.image.resize(method="bilinear", antialias=True).
func bilinear() arithmetic[float32] {
	return arithmetic[float32]{
		kernel: kernel{support: 1, at: triangle},
		weight: func(w float64) float32 { return float32(w) },
		finish: func(sum float32) float32 { return sum },
	}
}

// normalize maps bytes to [-1, 1] and pixels [3, w, h] to planes [w, h, 3]. It rounds where
// Hugging Face's image processor does: rescaled in float64, stored in float32, then
// (x - mean)/std.
func normalize(pixels []int32) []float32 {
	const mean, std = 0.5, 0.5
	var scaled [256]float32
	for v := range scaled {
		rescaled := float32(float64(v) * (1.0 / 255))
		scaled[v] = (rescaled - mean) / std
	}
	return planes(pixels, func(v int32) float32 { return scaled[v] }) // [w, h, 3]
}

// normalizeFloat maps samples of 0 to 255 to [-1, 1] by big_vision's x/127.5 - 1, and
// pixels [3, w, h] to planes [w, h, 3].
func normalizeFloat(pixels []float32) []float32 {
	return planes(pixels, func(v float32) float32 { return v/127.5 - 1 }) // [w, h, 3]
}

// planes converts samples by f and reorders them from [3, w, h] to [w, h, 3].
func planes[T int32 | float32](pixels []T, f func(T) float32) []float32 {
	n := len(pixels) / 3
	out := make([]float32, len(pixels))
	for i := range n {
		for c := range 3 {
			out[c*n+i] = f(pixels[3*i+c])
		}
	}
	return out
}
