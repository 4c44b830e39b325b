package export

import (
	stdbytes "bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"io"

	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/overlay"
)

// read returns the bytes of a picture's file, which must be those that were answered.
func (o *Options) read(ctx context.Context, p *Picture) ([]byte, error) {
	if o.Read == nil {
		return nil, errors.New("the format holds pictures, and Options has no Read")
	}
	data, err := o.Read(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != p.sha256() {
		return nil, fmt.Errorf("the file is another than the one that was answered: its SHA-256 is %.12s…, want %.12s…; answer it again", got, p.sha256())
	}
	return data, nil
}

// sha256 returns the digest of the picture's file.
func (p *Picture) sha256() string {
	for _, a := range p.Answers {
		if a.Record.SHA256 != "" {
			return a.Record.SHA256
		}
	}
	return ""
}

// decoded returns the pixels of a picture.
func (o *Options) decoded(ctx context.Context, p *Picture) (*imageproc.RGB, error) {
	data, err := o.read(ctx, p)
	if err != nil {
		return nil, err
	}
	img, err := o.decode(ctx, data)
	if err == nil && img.Bounds().Size() != p.Size {
		err = fmt.Errorf("decoded to %v pixels, want %v", img.Bounds().Size(), p.Size)
	}
	return img, err
}

// decode returns a picture, upright, as the model saw it.
func (o *Options) decode(ctx context.Context, file []byte) (*imageproc.RGB, error) {
	return imageproc.Read(ctx, stdbytes.NewReader(file), o.MaxPixels)
}

// kept are the formats that every reader of a data set knows, by their first bytes,
// with the marks of data that may turn the picture in a way that not all of them
// follow.
var kept = []struct {
	begin, ext string
	turned     []string
}{
	{"\xff\xd8\xff", ".jpg", []string{"tiff:Orientation"}},
	{"\x89PNG\r\n\x1a\n", ".png", []string{"eXIf", "Raw profile type", "XML:com.adobe.xmp"}},
	{"BM", ".bmp", nil},
}

// trainable returns a picture's file with its ending. Readers see the pixels that
// the model saw: what they might refuse or turn otherwise is a PNG.
func (o *Options) trainable(ctx context.Context, p *Picture) (file []byte, ext string, err error) {
	file, err = o.read(ctx, p)
	if err != nil {
		return nil, "", err
	}
	for _, k := range kept {
		turned := !stdbytes.HasPrefix(file, []byte(k.begin))
		for _, mark := range k.turned {
			turned = turned || stdbytes.Contains(file, []byte(mark))
		}
		if !turned {
			return file, k.ext, nil
		}
	}
	img, err := o.decode(ctx, file)
	if err != nil {
		return nil, "", err
	}
	var b stdbytes.Buffer
	err = overlay.EncodePNG(ctx, &b, img)
	return b.Bytes(), ".png", err
}

// A drawingSink writes copies of the pictures with their objects.
type drawingSink struct {
	*folder
	o     *Options
	stems stems
	style overlay.Style
}

func createDrawings(path string, o *Options) (Sink, error) {
	f, err := createFolder(path)
	if err != nil {
		return nil, err
	}
	return &drawingSink{f, o, stems{}, overlay.Style{Palette: &overlay.Palette{}}}, nil
}

func (s *drawingSink) Add(ctx context.Context, p *Picture) error {
	if p.Size == (image.Point{}) {
		return nil
	}
	img, err := s.o.decoded(ctx, p)
	if err != nil {
		return err
	}
	drawn, err := overlay.Draw(ctx, img, p.drawn(p.Size), s.style)
	if err != nil {
		return err
	}
	return s.write(s.stems.of(p.Name)+".jpg", func(w io.Writer) error {
		return overlay.EncodeJPEG(ctx, w, drawn, 92)
	})
}

// drawn returns the objects for package overlay, on a copy of the picture of a size.
// Masks are scaled to it.
func (p *Picture) drawn(size image.Point) []overlay.Object {
	var all []overlay.Object
	for o := range p.all() {
		x := overlay.Object{Label: o.Label, Score: o.Score, Box: image.Rect(
			at(o.Box.X0, size.X), at(o.Box.Y0, size.Y), at(o.Box.X1, size.X), at(o.Box.Y1, size.Y))}
		if o.RLE != nil {
			x.Masked = func(ctx context.Context) (*image.Alpha, error) {
				mask, err := o.RLE.Decode(ctx)
				return scale(mask, p.Size, size), err
			}
		}
		all = append(all, x)
	}
	return all
}

// at returns a fraction of n pixels, rounded.
func at(f float64, n int) int { return int(f*float64(n) + 0.5) }
