package overlay

import (
	"context"
	"image"
	"image/png"
	"io"
)

// EncodePNG writes a picture as a PNG. It ends with ctx, whose cause it returns: a large
// picture takes seconds.
func EncodePNG(ctx context.Context, w io.Writer, img image.Image) error {
	return png.Encode(until{ctx, w}, img)
}

// until is a writer that fails when ctx has ended, and the encoder with it.
type until struct {
	ctx context.Context
	w   io.Writer
}

func (u until) Write(p []byte) (int, error) {
	if err := context.Cause(u.ctx); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}
