package export

import (
	stdbytes "bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/image/draw"

	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/imageproc"
	"github.com/pgcli/paligemma/internal/newfile"
	"github.com/pgcli/paligemma/internal/overlay"
)

// Sizes of a contact sheet.
const (
	thumbSide = 480   // longer side of a small copy, in pixels
	pageCards = 1_000 // pictures on a page: browsers stay quick
)

//go:embed sheet.html
var sheetHTML string

// A sheetSink writes pages of cards with small copies of the pictures. The pages need
// no server.
type sheetSink struct {
	*folder
	o        *Options
	template *template.Template
	stems    stems
	style    overlay.Style
	page     *os.File // nil between pages
	pages    int
	cards    int // on the page
}

// A card is a picture with its answers on a page.
type card struct {
	Name          string
	Thumb         string // file of the small copy, "" for a picture that was not read
	Width, Height int    // of the copy
	Overlay       template.HTML
	Answers       []Answer
}

func createSheet(path string, o *Options) (Sink, error) {
	t, err := template.New("sheet").Parse(sheetHTML)
	if err != nil {
		return nil, err
	}
	f, err := createFolder(path)
	if err != nil {
		return nil, err
	}
	return &sheetSink{folder: f, o: o, template: t, stems: stems{}, style: overlay.Style{Palette: &overlay.Palette{}}}, nil
}

func (s *sheetSink) Add(ctx context.Context, p *Picture) error {
	c := card{Name: p.Name, Answers: p.Answers}
	if p.Size != (image.Point{}) {
		if err := s.thumb(ctx, p, &c); err != nil {
			return err
		}
	}
	if s.cards == pageCards {
		if err := s.end(true); err != nil {
			return err
		}
	}
	if s.page == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	s.cards++
	return s.template.ExecuteTemplate(s.page, "card", c)
}

// thumb writes the small copy of a picture, and its overlay for the card.
func (s *sheetSink) thumb(ctx context.Context, p *Picture, c *card) error {
	img, err := s.o.decoded(ctx, p)
	if err != nil {
		return err
	}
	factor := min(1, thumbSide/float64(max(p.Size.X, p.Size.Y)))
	size := image.Pt(max(1, at(factor, p.Size.X)), max(1, at(factor, p.Size.Y)))
	small, err := guard.Leave(ctx, func() (*image.RGBA, error) {
		small := image.NewRGBA(image.Rectangle{Max: size})
		draw.CatmullRom.Scale(small, small.Rect, dense{img}, img.Bounds(), draw.Src, nil)
		return small, nil
	})
	if err != nil {
		return err
	}
	c.Width, c.Height, c.Thumb = size.X, size.Y, "thumbs/"+s.stems.of(p.Name)+".jpg"
	if objects := p.drawn(size); len(objects) > 0 {
		var b stdbytes.Buffer
		if err := overlay.SVG(ctx, &b, size, objects, s.style, ""); err != nil {
			return err
		}
		c.Overlay = template.HTML(b.String()) // package overlay escapes labels
	}
	return s.write(c.Thumb, func(w io.Writer) error { return overlay.EncodeJPEG(ctx, w, small, 85) })
}

// dense has the colours of a picture without a value on the heap for each, which makes it
// several times as fast to scale.
type dense struct{ *imageproc.RGB }

func (d dense) RGBA64At(x, y int) color.RGBA64 {
	p := d.Pix[3*(y*d.Width+x):]
	return color.RGBA64{R: 257 * uint16(p[0]), G: 257 * uint16(p[1]), B: 257 * uint16(p[2]), A: 0xffff}
}

// begin starts a page.
func (s *sheetSink) begin() error {
	s.pages++
	s.cards = 0
	var err error
	if s.page, err = newfile.Make(filepath.Join(s.temp, pageName(s.pages))); err != nil {
		return err
	}
	return s.template.ExecuteTemplate(s.page, "head", s.pages)
}

// end ends a page.
func (s *sheetSink) end(more bool) error {
	links := struct{ Before, After string }{}
	if s.pages > 1 {
		links.Before = pageName(s.pages - 1)
	}
	if more {
		links.After = pageName(s.pages + 1)
	}
	if err := s.template.ExecuteTemplate(s.page, "foot", links); err != nil {
		return err
	}
	err := s.page.Close()
	s.page = nil
	return err
}

// pageName returns the file of a page, from 1.
func pageName(n int) string {
	if n == 1 {
		return "index.html"
	}
	return fmt.Sprintf("page%d.html", n)
}

func (s *sheetSink) Finish() error {
	if s.page == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	if err := s.end(false); err != nil {
		return err
	}
	return s.folder.Finish()
}

// Close removes a sheet that is not complete.
func (s *sheetSink) Close() error {
	if s.page != nil {
		s.page.Close()
	}
	return s.folder.Close()
}

// scale returns a mask of a picture for a copy of it; the mask itself if the sizes are
// the same.
func scale(mask *image.Alpha, from, to image.Point) *image.Alpha {
	if mask == nil || from == to {
		return mask
	}
	r := mask.Rect
	small := image.NewAlpha(image.Rect(r.Min.X*to.X/from.X, r.Min.Y*to.Y/from.Y, (r.Max.X*to.X-1)/from.X+1, (r.Max.Y*to.Y-1)/from.Y+1))
	for y := small.Rect.Min.Y; y < small.Rect.Max.Y; y++ {
		for x := small.Rect.Min.X; x < small.Rect.Max.X; x++ {
			small.SetAlpha(x, y, mask.AlphaAt((2*x+1)*from.X/(2*to.X), (2*y+1)*from.Y/(2*to.Y)))
		}
	}
	return small
}
