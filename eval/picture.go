package eval

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/infile"
)

// minInside is the least brightness of a pixel inside a mask.
const minInside = 128

// A viewer encodes pictures, and keeps the last one: examples about one
// picture usually follow each other.
type viewer struct {
	model *paligemma.Model
	set   *DataSet

	name  string // of the last picture
	last  *paligemma.Image
	err   error         // of the last picture, if it failed
	count int           // pictures encoded
	took  time.Duration // to read and encode them
}

// encode returns the picture of an example.
func (v *viewer) encode(ctx context.Context, e *Example) (*paligemma.Image, error) {
	if e.Image == v.name {
		return v.last, v.err
	}
	start := time.Now()
	v.last, v.err = v.read(ctx, e.Image)
	if ctx.Err() != nil {
		v.name = "" // interrupted: the picture itself is not at fault
		return nil, v.err
	}
	v.name = e.Image
	if v.err == nil {
		v.count++
		v.took += time.Since(start)
	}
	return v.last, v.err
}

// read reads and encodes a picture.
func (v *viewer) read(ctx context.Context, name string) (*paligemma.Image, error) {
	img, err := v.open(ctx, name)
	if err == nil {
		var encoded *paligemma.Image
		if encoded, err = v.model.Encode(ctx, img); err == nil {
			return encoded, nil
		}
	}
	return nil, fmt.Errorf("picture %s: %w", name, err)
}

// open reads a picture or a mask. The error does not name the file.
func (v *viewer) open(ctx context.Context, name string) (image.Image, error) {
	f, err := infile.Open(v.set.file(name))
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	return v.model.ReadImageContext(ctx, f)
}

// checkMasks reads the masks of an example, whose picture has a size, and lets them go. Whether
// they are right must not depend on the answer.
func (v *viewer) checkMasks(ctx context.Context, e *Example, size image.Point) error {
	for _, name := range e.Masks {
		if _, err := v.mask(ctx, name, size); err != nil {
			return err
		}
	}
	return nil
}

// mask reads a mask of the data set, which must have the size of its picture.
func (v *viewer) mask(ctx context.Context, name string, size image.Point) (*image.Alpha, error) {
	img, err := v.open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("mask %s: %w", name, err)
	}
	b := img.Bounds()
	if b.Size() != size {
		return nil, fmt.Errorf("mask %s is %d x %d pixels, want %d x %d as the picture", name, b.Dx(), b.Dy(), size.X, size.Y)
	}
	m := image.NewAlpha(image.Rectangle{Max: size})
	rgb, err := imageproc.FromImage(ctx, img, size.X*size.Y) // bytes, which are faster than At
	if err != nil {
		return nil, fmt.Errorf("mask %s: %w", name, err)
	}
	for y := range size.Y {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		for x := range size.X {
			if at := y*size.X + x; brightness([3]byte(rgb.Pix[3*at:])) >= minInside {
				m.Pix[y*m.Stride+x] = 255
			}
		}
	}
	return m, nil
}

// brightness returns the grey of a colour's red, green and blue, as color.GrayModel has it.
func brightness(c [3]byte) byte {
	return byte((257*(19595*uint32(c[0])+38470*uint32(c[1])+7471*uint32(c[2])) + 1<<15) >> 24)
}
