package overlay

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"strconv"

	"golang.org/x/image/font"
)

// SVG writes objects as an SVG for a picture of a size in pixels. href refers to the
// picture, as DataURI's result does; "" leaves it out, for an overlay over a picture
// shown elsewhere. Each object is a group of class "object" with the attributes
// data-label and data-score; its parts have the classes mask, box and label, and the
// shades beside lines the class shade.
func SVG(ctx context.Context, w io.Writer, size image.Point, objects []Object, style Style, href string) error {
	s := newSheet(size)
	marks, err := s.layout(ctx, objects, style)
	if err != nil {
		return err
	}
	doc := svgDocument{Width: size.X, Height: size.Y, ViewBox: fmt.Sprintf("0 0 %d %d", size.X, size.Y)}
	if href != "" {
		doc.Image = &svgImage{size.X, size.Y, href}
	}
	for _, m := range marks {
		o, err := s.svg(ctx, m)
		if err != nil {
			return err
		}
		doc.Objects = append(doc.Objects, o)
	}
	out := xml.NewEncoder(w)
	out.Indent("", " ")
	if err := out.Encode(doc); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// The elements of SVG 1.1 in our files. Package xml escapes their texts and replaces
// characters that XML does not allow.
type (
	svgDocument struct {
		XMLName xml.Name    `xml:"http://www.w3.org/2000/svg svg"`
		Width   int         `xml:"width,attr"`
		Height  int         `xml:"height,attr"`
		ViewBox string      `xml:"viewBox,attr"`
		Image   *svgImage   `xml:"image"`
		Objects []svgObject `xml:"g"`
	}
	svgImage struct {
		Width  int    `xml:"width,attr"`
		Height int    `xml:"height,attr"`
		Href   string `xml:"href,attr"`
	}
	svgObject struct {
		Class string    `xml:"class,attr"`
		Of    string    `xml:"data-label,attr"`
		Score float32   `xml:"data-score,attr,omitempty"`
		Title string    `xml:"title"`
		Paths []svgPath `xml:"path"`
		Rects []svgRect `xml:"rect"`
		Label *svgLabel `xml:"g"`
	}
	svgPath struct {
		Class    string  `xml:"class,attr"`
		Fill     string  `xml:"fill,attr"`
		Opacity  float64 `xml:"fill-opacity,attr,omitempty"`
		FillRule string  `xml:"fill-rule,attr,omitempty"`
		Stroke   string  `xml:"stroke,attr"`
		Faint    float64 `xml:"stroke-opacity,attr,omitempty"` // 0 stands for 1
		Width    float64 `xml:"stroke-width,attr"`
		Join     string  `xml:"stroke-linejoin,attr"`
		D        string  `xml:"d,attr"`
	}
	svgRect struct {
		Class  string  `xml:"class,attr,omitempty"`
		X      float64 `xml:"x,attr"`
		Y      float64 `xml:"y,attr"`
		Width  int     `xml:"width,attr"`
		Height int     `xml:"height,attr"`
		Round  float64 `xml:"rx,attr,omitempty"`
		Fill   string  `xml:"fill,attr"`
		Stroke string  `xml:"stroke,attr,omitempty"`
		Faint  float64 `xml:"stroke-opacity,attr,omitempty"`
		Line   int     `xml:"stroke-width,attr,omitempty"`
	}
	svgLabel struct {
		Class  string  `xml:"class,attr"`
		Ground svgRect `xml:"rect"`
		Text   svgText `xml:"text"`
	}
	svgText struct {
		X       int     `xml:"x,attr"`
		Y       int     `xml:"y,attr"`
		Fill    string  `xml:"fill,attr"`
		Family  string  `xml:"font-family,attr"`
		Weight  int     `xml:"font-weight,attr"`
		Size    float64 `xml:"font-size,attr"`
		Length  int     `xml:"textLength,attr"` // pixels, also in a viewer's own font
		Adjust  string  `xml:"lengthAdjust,attr"`
		Content string  `xml:",chardata"`
	}
)

// svg returns the elements of a mark. The error is ctx's cause, or the mask's.
func (s sheet) svg(ctx context.Context, m mark) (svgObject, error) {
	g := svgObject{Class: "object", Of: printable(m.Label), Score: m.Score, Title: withScore(printable(m.Label), m.Score)}
	faint := math.Round(float64(shade.A)/0xff*1000) / 1000
	mask, err := m.mask(ctx)
	if err != nil {
		return g, err
	}
	outlines, err := contours(ctx, mask)
	if err != nil {
		return g, err
	}
	if d := path(outlines); d != "" {
		line := float64(s.line)
		if s.line > 1 { // the shade is under the outline, which covers its middle
			g.Paths = append(g.Paths, svgPath{Class: "shade", Fill: "none", Stroke: hex(shade), Faint: faint, Width: shadeWidth * line, Join: "round", D: d})
		}
		g.Paths = append(g.Paths, svgPath{"mask", hex(m.color), maskOpacity, "evenodd", hex(m.color), 0, line, "round", d})
	}
	// ring adds a line just inside a rectangle; SVG centres lines on their path.
	ring := func(class string, r image.Rectangle, width int, c color.RGBA, opacity float64) {
		if r.Empty() {
			return
		}
		width = min(width, r.Dx(), r.Dy())
		at := float64(width) / 2
		g.Rects = append(g.Rects, svgRect{class, float64(r.Min.X) + at, float64(r.Min.Y) + at, r.Dx() - width, r.Dy() - width, 0, "none", hex(c), opacity, width})
	}
	ring("box", m.Box, s.line, m.color, 0)
	inner, width := s.shaded(m.Box)
	ring("shade", inner, width, shade, faint)
	if c := m.chip; !c.box.Empty() {
		round := math.Round(c.em * rounding)
		dot := c.dot()
		g.Label = &svgLabel{"label",
			svgRect{"", float64(c.box.Min.X), float64(c.box.Min.Y), c.box.Dx(), c.box.Dy(), round, hex(c.color), "", 0, 0},
			svgText{dot.X.Round(), dot.Y.Round(), hex(ink(c.color)), "Go, system-ui, sans-serif", 500, math.Round(c.em*10) / 10,
				font.MeasureString(c.face, c.text).Round(), "spacingAndGlyphs", c.text}}
	}
	return g, context.Cause(ctx)
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// path returns SVG's path data of polygons, to a tenth of a pixel.
func path(polygons [][]point) string {
	var d []byte
	for _, polygon := range polygons {
		command := byte('M')
		for _, p := range polygon {
			d = append(d, command)
			d = strconv.AppendFloat(d, math.Round(float64(p.x)*10)/10, 'f', -1, 64)
			d = append(d, ' ')
			d = strconv.AppendFloat(d, math.Round(float64(p.y)*10)/10, 'f', -1, 64)
			command = 'L'
		}
		d = append(d, 'Z')
	}
	return string(d)
}

// losslessPixels is the size of the largest picture that DataURI writes as PNG.
// For larger ones JPEG is many times smaller and its losses are hard to see.
const losslessPixels = 1 << 20

// DataURI returns a URI that holds the picture itself, for an SVG or a page. It ends with ctx.
func DataURI(ctx context.Context, img image.Image) (string, error) {
	m, err := rgba(ctx, img)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	format := "png"
	if area(m.Rect) <= losslessPixels {
		err = EncodePNG(ctx, &b, m)
	} else {
		format = "jpeg"
		err = EncodeJPEG(ctx, &b, m, 92)
	}
	return "data:image/" + format + ";base64," + base64.StdEncoding.EncodeToString(b.Bytes()), err
}
