package paligemma

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"sync"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/hparams"
	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/legible"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/nn"
)

// isMask reports whether a tensor belongs to the mask decoder, which Go
// computes, not ggml: it is read into Go's memory.
func isMask(tensor string) bool { return strings.HasPrefix(tensor, locseg.Prefix) }

// maskDecoder reads the mask decoder of a file, whose codebook has the width; it
// returns nil for a width of 0. The error names every tensor that is missing or
// wrong.
func maskDecoder(f *gguf.File, width int) (*locseg.Decoder, error) {
	if width == 0 {
		for _, t := range f.Tensors() {
			if isMask(t.Name) {
				return nil, fmt.Errorf("tensor %s without the key %s", t.Name, hparams.MaskWidthKey)
			}
		}
		return nil, nil
	}
	values := map[string][]float32{}
	var errs []error
	for _, w := range locseg.Weights(width) {
		v, err := maskWeight(f, w)
		if err != nil {
			errs = append(errs, err)
		}
		values[w.Name] = v
	}
	if errs != nil {
		return nil, legible.Join(errs...)
	}
	return locseg.NewDecoder(width, func(name string) []float32 { return values[name] }), nil
}

// maskWeight reads one array of the mask decoder, row-major.
func maskWeight(f *gguf.File, w locseg.Weight) ([]float32, error) {
	shape := slices.Clone(w.Shape)
	slices.Reverse(shape) // ggml's order, fastest first
	t, err := f.Tensor(w.Name)
	switch {
	case errors.Is(err, gguf.ErrNotFound):
		return nil, &TensorError{Name: w.Name, Want: shape}
	case err != nil:
		return nil, err
	case !slices.Equal(t.Shape, shape):
		return nil, &TensorError{Name: w.Name, Want: shape, Got: t.Shape}
	}
	data, err := f.Bytes(w.Name)
	if err != nil {
		return nil, err
	}
	values := make([]float32, t.Elements())
	switch t.Type {
	case gguf.F32:
		gguf.DecodeF32(values, data)
	case gguf.F16:
		gguf.DecodeF16(values, data)
	default:
		return nil, fmt.Errorf("tensor %s is of type %v, want f32 or f16", w.Name, t.Type)
	}
	if i := nn.FirstNotFinite(values); i >= 0 {
		return nil, fmt.Errorf("tensor %s: value %d of %d is %v, want finite numbers", w.Name, i, len(values), values[i])
	}
	return values, nil
}

// AddMasks decodes the masks of objects from Model.Objects, Model.ParseObjects or JSON, on
// up to Options.Threads threads, and sets Mask. Object.Mask says which objects have one; if
// the model has no mask decoder, none has. A mask has a byte for each pixel of its box.
// AddMasks fails if ctx ends, with context.Cause, if the codes of an object are not 16
// numbers from 0 to 127, and with ErrNotFinite if the values of a mask are not finite. After
// an error some of the objects may have their masks.
func (m *Model) AddMasks(ctx context.Context, objects []Object) error {
	if err := m.made(); err != nil || m.masks == nil {
		return err
	}
	if ctx == nil {
		return fmt.Errorf("paligemma: masks: %w", errNilContext)
	}
	errs := make([]error, len(objects))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(m.opts.Threads, len(objects)) {
		workers.Go(func() {
			for i := range next {
				errs[i] = guard.Run(func() error { return m.addMask(ctx, &objects[i]) })
			}
		})
	}
	for i := 0; i < len(objects) && !over(ctx); i++ {
		next <- i
	}
	close(next)
	workers.Wait()
	if over(ctx) {
		return fmt.Errorf("paligemma: masks: %w", context.Cause(ctx))
	}
	return cmp.Or(errs...)
}

// mostMasks is how many bytes of masks EachMask has in memory at a time, unless one alone has
// more.
const mostMasks = 4 << 20

// EachMask is AddMasks for those who need each mask for a moment: it decodes a few at a time,
// calls each with those of all objects in order, nil for one without a mask, and lets them
// go. It ends with the first error of each, and where AddMasks fails.
func (m *Model) EachMask(ctx context.Context, objects []Object, each func(i int, mask *image.Alpha) error) error {
	for done := 0; done < len(objects); {
		few, room := 0, mostMasks
		for ; done+few < len(objects) && (few == 0 || room > 0); few++ {
			room -= maskBytes(objects[done+few].Pixels)
		}
		if few > 1 && room < 0 {
			few--
		}
		some := slices.Clone(objects[done : done+few])
		if err := m.AddMasks(ctx, some); err != nil {
			return err
		}
		for i := range some {
			if err := each(done+i, some[i].Mask); err != nil {
				return err
			}
		}
		done += few
	}
	return nil
}

// maskBytes returns the bytes of the mask of a box, at most one more than mostMasks. A box from
// JSON may have more than an int holds.
func maskBytes(box image.Rectangle) int {
	size := box.Size()
	switch {
	case box.Empty():
		return 0
	case size.X < 1 || size.Y < 1 || size.X > mostMasks/size.Y:
		return mostMasks + 1
	}
	return size.X * size.Y
}

// addMask fills in the mask of an object that has one.
func (m *Model) addMask(ctx context.Context, o *Object) error {
	if o.Codes == nil || o.Pixels.Empty() {
		return nil
	}
	if len(o.Codes) != locseg.Codes || slices.Min(o.Codes) < 0 || slices.Max(o.Codes) >= locseg.Segs {
		return fmt.Errorf("paligemma: mask of %.40q has the codes %.100s, want %d from 0 to %d", o.Label, fmt.Sprint(o.Codes), locseg.Codes, locseg.Segs-1)
	}
	values := m.masks.Decode((*[locseg.Codes]int)(o.Codes))
	if nn.FirstNotFinite(values) >= 0 { // finite weights can be so large that it is not
		return fmt.Errorf("paligemma: mask of %.40q: %w: the mask decoder's weights are damaged", o.Label, ErrNotFinite)
	}
	o.Mask = paste(ctx, values, o.Pixels, m.opts.MaxPixels)
	return nil
}

// paste stretches the values of a mask, from -1 to 1, to a box as big_vision's
// demo does: it rounds to bytes, so that 128 stands for 0, and then uses Pillow's
// default filter, which leaves soft edges to draw. (The evaluator stretches the
// values bilinearly and keeps those above 0.) It returns nil for a box of more
// than maxPixels, and when ctx ends.
func paste(ctx context.Context, values []float32, box image.Rectangle, maxPixels int) *image.Alpha {
	m := image.NewGray(image.Rect(0, 0, locseg.MaskSide, locseg.MaskSide))
	for i, v := range values {
		m.Pix[i] = uint8(min(max(v*0.5+0.5, 0), 1) * 255) // rounds down
	}
	out, err := imageproc.ResizeGrey(ctx, m, box.Dx(), box.Dy(), maxPixels)
	if err != nil {
		return nil
	}
	return &image.Alpha{Pix: out.Pix, Stride: out.Stride, Rect: box}
}
