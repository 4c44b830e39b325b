package paligemma

import (
	"context"
	"fmt"
	"image"
	"io"
	"time"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/nn"
)

// Errors of pictures, to test for with errors.Is. Each is an ErrPicture too, as is
// image.ErrFormat for data that is not a picture in a known format.
var (
	// ErrPictureTooLarge is about more pixels than Options.MaxPixels.
	ErrPictureTooLarge = imageproc.ErrTooLarge

	// ErrPictureBroken is about a file that is truncated or damaged.
	ErrPictureBroken = imageproc.ErrBroken

	// ErrPictureUnsupported is about a format, such as HEIC, or a kind of a format
	// that ReadImage does not decode. The error names it.
	ErrPictureUnsupported = imageproc.ErrUnsupported
)

// ReadImage decodes the first picture of a file: PNG, JPEG, GIF, BMP, TIFF, WebP
// or PNM, upright as its EXIF or XMP orientation says. A picture that claims more
// than the model's MaxPixels is refused before it is decoded.
func (m *Model) ReadImage(r io.Reader) (image.Image, error) {
	return m.ReadImageContext(context.Background(), r)
}

// ReadImageContext is [Model.ReadImage] until ctx ends: soon after that it returns ctx's
// cause. Reading from r is not interrupted. Some decoders work for seconds on a picture of
// 100 million pixels before they end with ctx, such as those of a lossy WebP and of a
// progressive JPEG: one of them is left behind, and holds its memory until it ends.
// Meanwhile a second call whose context ends waits until one of both decoders has ended:
// callers that read n pictures at a time have n + 1 in memory at most.
func (m *Model) ReadImageContext(ctx context.Context, r io.Reader) (image.Image, error) {
	if r == nil {
		return nil, requestf(ErrPicture, "picture is nil, want a reader of its file")
	}
	if err := m.made(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, fmt.Errorf("paligemma: read picture: %w", errNilContext)
	}
	file, err := imageproc.ReadFile(r, m.opts.MaxPixels)
	var img *imageproc.RGB
	if err == nil {
		img, err = m.leaving(ctx, func() (*imageproc.RGB, error) { return imageproc.Decode(ctx, file, m.opts.MaxPixels) })
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("paligemma: read picture: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, requestf(ErrPicture, "%w", err)
	}
	return img, nil
}

// leaving decodes a picture. When ctx ends it leaves behind a decoder that goes on, unless
// one is left behind already: callers that decode n pictures at a time have n + 1 in memory.
func (m *Model) leaving(ctx context.Context, decode func() (*imageproc.RGB, error)) (*imageproc.RGB, error) {
	type result struct {
		img *imageproc.RGB
		err error
	}
	decoded := make(chan result, 1)
	go func() {
		var r result
		r.err = guard.Run(func() (err error) {
			r.img, err = decode()
			return err
		})
		decoded <- r
	}()
	select {
	case r := <-decoded:
		return r.img, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-decoded:
		return r.img, r.err
	case m.behind <- struct{}{}:
		go func() {
			<-decoded
			<-m.behind
		}()
		return nil, context.Cause(ctx)
	}
}

// An Image is a picture as a model sees it: its soft tokens. It may be used in
// any number of prompts to that model, at the same time.
type Image struct {
	model  *Model
	tokens []float32       // [d, n], the decoder's width by image tokens
	bounds image.Rectangle // of the picture, pixels
	took   time.Duration
}

// Took returns the time that Prepare and Encode took.
func (i *Image) Took() time.Duration { return i.took }

// Bounds returns the bounds of the picture that was encoded, in pixels.
func (i *Image) Bounds() image.Rectangle { return i.bounds }

// Encode stretches a picture to the model's square and runs the vision tower on
// it. The result serves every prompt about the picture.
func (m *Model) Encode(ctx context.Context, img image.Image) (*Image, error) {
	p, err := m.Prepare(ctx, img)
	if err != nil {
		return nil, err
	}
	return p.Encode(ctx)
}

// A Prepared is a picture that is stretched to a model's square: 12 bytes for each of
// the square's pixels, however large the picture is.
type Prepared struct {
	model  *Model
	pixels []float32       // [w, h, 3]
	bounds image.Rectangle // of the picture, pixels
	took   time.Duration
}

// Prepare stretches a picture to the model's square. That is the part of Model.Encode
// that needs no device, so that a program can do it while the model computes. A nil
// picture, or one of more than Options.MaxPixels, is an ErrPicture. Soon after ctx ends
// Prepare returns its cause.
func (m *Model) Prepare(ctx context.Context, img image.Image) (*Prepared, error) {
	if err := m.made(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, fmt.Errorf("paligemma: prepare picture: %w", errNilContext)
	}
	start := time.Now()
	px, err := imageproc.Prepare(ctx, img, imageproc.Options{
		Size: m.cfg.ImageSize, Filter: m.cfg.resample, MaxPixels: m.opts.MaxPixels})
	if ctx.Err() != nil {
		return nil, fmt.Errorf("paligemma: prepare picture: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, requestf(ErrPicture, "%w", err)
	}
	return &Prepared{model: m, pixels: px, bounds: img.Bounds(), took: time.Since(start)}, nil
}

// Encode runs the vision tower on a picture. The result serves every prompt about it.
func (p *Prepared) Encode(ctx context.Context) (*Image, error) {
	if p == nil || p.model == nil {
		return nil, requestf(ErrPicture, "picture is not prepared, want one of Model.Prepare")
	}
	if err := p.model.hold(); err != nil {
		return nil, err
	}
	defer p.model.release()
	start := time.Now()
	tokens, err := p.model.encode(ctx, p.pixels)
	if err != nil {
		return nil, fmt.Errorf("paligemma: encode picture: %w", err)
	}
	return &Image{model: p.model, tokens: tokens, bounds: p.bounds, took: p.took + time.Since(start)}, nil
}

// encode maps pixels [w, h, 3] to soft tokens [d, n]. The caller holds the model.
func (m *Model) encode(ctx context.Context, px []float32) (tokens []float32, err error) {
	if err := m.checkFiles(); err != nil {
		return nil, err
	}
	err = m.turns.Task(ctx, func(ctx context.Context, pause func() error) error {
		tokens, err = m.runTower(ctx, px, pause)
		return err
	})
	return tokens, err
}

// runTower computes the vision tower on pixels [w, h, 3]: soft tokens [d, n].
func (m *Model) runTower(ctx context.Context, px []float32, pause func() error) ([]float32, error) {
	g, pixels, out, err := m.newTower()
	if err != nil {
		return nil, err
	}
	defer m.afterAll(ctx, func() { g.Close() })
	if err := nn.Set(g, pixels, px); err != nil {
		return nil, err
	}
	if err := g.ComputeInParts(ctx, pause); err != nil {
		return nil, err
	}
	tokens := make([]float32, out.Len())
	if err := nn.Get(g, out, tokens); err != nil {
		return nil, err
	}
	if i := nn.FirstNotFinite(tokens); i >= 0 {
		return nil, fmt.Errorf("soft token %d: %w", i/out.Dim(0), nn.ErrNotFinite)
	}
	return tokens, nil
}

// newTower builds the graph of the vision tower, from pixels [w, h, 3] to soft
// tokens [d, n]. The caller must Close it.
func (m *Model) newTower() (g *nn.Graph, pixels, tokens nn.Tensor, err error) {
	if g, pixels, tokens, err = m.describeTower(); err != nil {
		return nil, pixels, tokens, err
	}
	if err := g.Compile(tokens); err != nil {
		g.Close()
		return nil, pixels, tokens, err
	}
	return g, pixels, tokens, nil
}

// describeTower is newTower without the memory: the graph can be compiled.
func (m *Model) describeTower() (g *nn.Graph, pixels, tokens nn.Tensor, err error) {
	if g, err = nn.NewGraph(m.backend, m.cfg.vision.Nodes(), m.opts.Trace); err != nil {
		return nil, pixels, tokens, err
	}
	side := m.cfg.ImageSize
	pixels = g.Input("pixels", gguf.F32, side, side, 3)
	return g, pixels, m.encoder.Forward(g, pixels), nil
}
