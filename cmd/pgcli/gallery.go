package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/overlay"
)

// A gallery is the data of demo/page.html.
type gallery struct {
	Model   string
	Size    int // side in pixels of the square that the model sees
	Tokens  int // soft tokens of a picture
	Version string
	Cards   []card
	Answers int // on all cards

	took time.Duration // by the model, for all cards
	unit int           // number of the last id on the page
}

// A card is a picture with its answers.
type card struct {
	ID            string
	Name          string
	Picture       template.URL
	Width, Height int    // of the overlays, in pixels
	Encode        string // time
	Answers       []answered
}

// An answered is a prompt with its answer.
type answered struct {
	ID       string
	Task     string // first word of the prompt
	Rest     string // of the prompt
	Text     string
	Expected string // the right answer, if it is known and differs
	Objects  []paligemma.Object
	Colors   []string      // of the objects
	Overlay  template.HTML // SVG of the objects, "" without any
	Shown    bool          // the card shows this overlay at first
	Took     string        // time
}

// newGallery returns a gallery without cards.
func newGallery(c *cli.Context, m *paligemma.Model) *gallery {
	cfg := m.Config()
	g := &gallery{Model: filepath.Base(c.Path("model")), Size: cfg.ImageSize, Tokens: cfg.ImageTokens, Version: flags.Version()}
	if c.Path("model") == "" {
		g.Model = "the embedded tiny model"
	}
	return g
}

// Took returns the time that the model took for all cards.
func (g *gallery) Took() string { return duration(g.took) }

// duration spells a time for the page.
func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.0f ms", ms(d))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// id returns a new id for an element of the page.
func (g *gallery) id() string {
	g.unit++
	return fmt.Sprintf("u%d", g.unit)
}

// add asks the prompts of an exhibit and adds its card.
func (g *gallery) add(c *cli.Context, m *paligemma.Model, s *paligemma.Session, e exhibit, sm paligemma.Sampling) error {
	img, err := m.ReadImageContext(c.Context, bytes.NewReader(e.file))
	if err != nil {
		return err
	}
	start := time.Now()
	encoded, err := m.Encode(c.Context, img)
	if err != nil {
		return err
	}
	took := time.Since(start)
	g.took += took
	size := shownAt(img.Bounds().Size())
	k := card{ID: g.id(), Name: e.name, Width: size.X, Height: size.Y, Encode: duration(took)}
	if k.Picture, err = pictureURL(c.Context, e.file, img); err != nil {
		return err
	}
	style := overlay.Style{Palette: &overlay.Palette{}}
	for _, q := range e.asks {
		if sm.Grammar, err = flags.Grammar(c, q.Prompt); err != nil {
			return err
		}
		sm.AnyText = sm.Grammar == nil
		r, err := s.Run(c.Context, []*paligemma.Image{encoded}, q.Prompt, &sm)
		if err != nil {
			return err
		}
		a := answered{ID: g.id(), Text: r.Text, Took: duration(r.Timings.Prefill + r.Timings.Decode)}
		a.Task, a.Rest, _ = strings.Cut(string(q.Prompt), " ")
		if q.Expected != r.Text {
			a.Expected = q.Expected
		}
		// Decoded again at the page's size, at which masks look smooth.
		a.Objects, _ = m.Objects(r.Tokens, size)
		if err := m.AddMasks(c.Context, a.Objects); err != nil {
			return err
		}
		if len(a.Objects) > 0 {
			if a.Overlay, err = svg(c.Context, size, overlayObjects(a.Objects), style); err != nil {
				return err
			}
		}
		for _, o := range a.Objects {
			c := style.Palette.Color(o.Label)
			a.Colors = append(a.Colors, fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B))
		}
		k.Answers = append(k.Answers, a)
		g.Answers++
		g.took += r.Timings.Prefill + r.Timings.Decode
	}
	show(k.Answers)
	g.Cards = append(g.Cards, k)
	return nil
}

// show picks the overlay that a card shows at first: the one with the most masks,
// and among equals the most boxes.
func show(all []answered) {
	score := func(a answered) int {
		n := len(a.Objects)
		for _, o := range a.Objects {
			if o.Mask != nil {
				n += 1000
			}
		}
		return n
	}
	if len(all) == 0 {
		return
	}
	best := slices.MaxFunc(all, func(a, b answered) int { return score(a) - score(b) })
	for i := range all {
		all[i].Shown = all[i].ID == best.ID && all[i].Overlay != ""
	}
}

// shownAt returns the size of overlays for a picture of a size: its longer side is
// 480 pixels, as on the page.
func shownAt(size image.Point) image.Point {
	const side = 480
	scale := side / float64(max(size.X, size.Y))
	return image.Pt(max(1, int(scale*float64(size.X)+0.5)), max(1, int(scale*float64(size.Y)+0.5)))
}

// svg returns the overlay of objects.
func svg(ctx context.Context, size image.Point, objects []overlay.Object, style overlay.Style) (template.HTML, error) {
	var b bytes.Buffer
	err := overlay.SVG(ctx, &b, size, objects, style, "")
	return template.HTML(b.String()), err // package overlay escapes labels
}

// pictureURL returns a URL that holds a picture: the file itself if browsers show
// it as the model sees it. They turn pictures by EXIF data alone, and play animations.
func pictureURL(ctx context.Context, file []byte, img image.Image) (template.URL, error) {
	turned := false
	for _, key := range []string{"Raw profile type exif", "XML:com.adobe.xmp", "http://ns.adobe.com/xap/1.0/"} {
		turned = turned || bytes.Contains(file, []byte(key))
	}
	switch t := http.DetectContentType(file); {
	case !turned && (t == "image/png" || t == "image/jpeg"):
		return template.URL("data:" + t + ";base64," + base64.StdEncoding.EncodeToString(file)), nil
	}
	uri, err := overlay.DataURI(ctx, img)
	return template.URL(uri), err
}

// write writes the page.
func (g *gallery) write(w io.Writer) error {
	page, err := template.New("page.html").ParseFS(demoFiles, "demo/page.html")
	if err != nil {
		return err
	}
	return page.Execute(w, g)
}
