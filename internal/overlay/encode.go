package overlay

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/pgcli/paligemma/internal/guard"
)

// EncodePNG writes a picture as a PNG. It ends with ctx, whose cause it returns: a large
// picture takes seconds.
func EncodePNG(ctx context.Context, w io.Writer, img image.Image) error {
	return png.Encode(until{ctx, w}, img)
}

// EncodeJPEG is EncodePNG for a JPEG of a quality up to 100. Its encoder looks at no error
// before its end, so it is left behind when ctx ends, with img.
func EncodeJPEG(ctx context.Context, w io.Writer, img image.Image, quality int) error {
	file, err := guard.Leave(ctx, func() ([]byte, error) {
		var b bytes.Buffer
		err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
		return b.Bytes(), err
	})
	if err == nil {
		_, err = w.Write(file)
	}
	return err
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
