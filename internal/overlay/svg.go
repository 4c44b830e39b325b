package overlay

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"strconv"

	"golang.org/x/image/font"
)

// SVG writes objects as an SVG of a picture's size in pixels. href is the
// picture, such as DataURI returns; "" leaves it out, for an overlay of its own.
// Each object is a group of class "object" with parts of the classes mask, box
// and label.
func SVG(w io.Writer, size image.Point, objects []Object, style Style, href string) error {
	s := newSheet(size)
	marks, err := s.layout(objects, style)
	if err != nil {
		return err
	}
	doc := svgDocument{Width: size.X, Height: size.Y, ViewBox: fmt.Sprintf("0 0 %d %d", size.X, size.Y)}
	if href != "" {
		doc.Image = &svgImage{size.X, size.Y, href}
	}
	for _, m := range marks {
		doc.Objects = append(doc.Objects, s.svg(m))
	}
	out := xml.NewEncoder(w)
	out.Indent("", " ")
	if err := out.Encode(doc); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// The elements of SVG 1.1 that are written. Package xml escapes their texts, and
// replaces what XML has no place for.
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
		Title string    `xml:"title"`
		Mask  *svgPath  `xml:"path"`
		Box   *svgRect  `xml:"rect"`
		Label *svgLabel `xml:"g"`
	}
	svgPath struct {
		Class    string  `xml:"class,attr"`
		Fill     string  `xml:"fill,attr"`
		Opacity  float64 `xml:"fill-opacity,attr"`
		FillRule string  `xml:"fill-rule,attr"`
		Stroke   string  `xml:"stroke,attr"`
		Width    int     `xml:"stroke-width,attr"`
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
		Length  int     `xml:"textLength,attr"` // whatever font the viewer has
		Adjust  string  `xml:"lengthAdjust,attr"`
		Content string  `xml:",chardata"`
	}
)

func (s sheet) svg(m mark) svgObject {
	g := svgObject{Class: "object", Title: withScore(printable(m.Label), m.Score)}
	if d := path(contours(m.Mask)); d != "" {
		g.Mask = &svgPath{"mask", hex(m.color), maskOpacity, "evenodd", hex(m.color), s.line, "round", d}
	}
	if b := m.Box; !b.Empty() {
		line := min(s.line, b.Dx(), b.Dy()) // lies half inside, half outside of a rect
		at := float64(line) / 2
		g.Box = &svgRect{"box", float64(b.Min.X) + at, float64(b.Min.Y) + at, b.Dx() - line, b.Dy() - line, 0, "none", hex(m.color), line}
	}
	if c := m.chip; !c.box.Empty() {
		round := math.Round(c.em * rounding)
		dot := c.dot()
		g.Label = &svgLabel{"label",
			svgRect{"", float64(c.box.Min.X), float64(c.box.Min.Y), c.box.Dx(), c.box.Dy(), round, hex(c.color), "", 0},
			svgText{dot.X.Round(), dot.Y.Round(), hex(ink(c.color)), "Go, system-ui, sans-serif", 500, math.Round(c.em*10) / 10,
				font.MeasureString(c.face, c.text).Round(), "spacingAndGlyphs", c.text}}
	}
	return g
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// path spells polygons, to a tenth of a pixel.
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

// losslessPixels is the largest picture that DataURI writes as PNG: beyond,
// JPEG is many times smaller and its losses are hard to see.
const losslessPixels = 1 << 20

// DataURI returns a picture as a URI, for an SVG or a page to hold.
func DataURI(img image.Image) (string, error) {
	m, err := rgba(img)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	format := "png"
	if area(m.Rect) <= losslessPixels {
		err = png.Encode(&b, m)
	} else {
		format = "jpeg"
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 92})
	}
	return "data:image/" + format + ";base64," + base64.StdEncoding.EncodeToString(b.Bytes()), err
}
