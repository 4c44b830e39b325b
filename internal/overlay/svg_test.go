package overlay

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
)

// element is any element of an SVG.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Elements []element  `xml:",any"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func svg(t *testing.T, size image.Point, href string, objects ...Object) element {
	t.Helper()
	var b bytes.Buffer
	if err := SVG(t.Context(), &b, size, objects, Style{}, href); err != nil {
		t.Fatal(err)
	}
	var root element
	d := xml.NewDecoder(&b)
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return root
}

// TestSVGHoldsPictureMaskBoxAndLabel checks the parts of an object, and that the
// picture inside is whole.
func TestSVGHoldsPictureMaskBoxAndLabel(t *testing.T) {
	img := canvas(200, 100)
	img.SetRGBA(7, 8, color.RGBA{1, 2, 3, 255})
	uri, err := DataURI(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	box := image.Rect(20, 40, 80, 90)
	root := svg(t, img.Rect.Size(), uri, Object{Label: "cat", Score: 0.5, Box: box, Mask: disc(box)})
	if root.XMLName.Space != "http://www.w3.org/2000/svg" || root.attr("viewBox") != "0 0 200 100" {
		t.Errorf("root is %v with view box %q", root.XMLName, root.attr("viewBox"))
	}
	data, ok := strings.CutPrefix(root.Elements[0].attr("href"), "data:image/png;base64,")
	raw, err := base64.StdEncoding.DecodeString(data)
	if !ok || err != nil {
		t.Fatalf("picture is no PNG: %v", err)
	}
	if back, err := png.Decode(bytes.NewReader(raw)); err != nil || back.At(7, 8) != img.At(7, 8) || back.Bounds() != img.Rect {
		t.Errorf("picture is %v, pixel %v, %v", back.Bounds(), back.At(7, 8), err)
	}
	g := root.Elements[1]
	if g.attr("class") != "object" || len(g.Elements) != 4 {
		t.Fatalf("object is %v", g)
	}
	if title := g.Elements[0]; title.Text != "cat 0.50" {
		t.Errorf("title is %q", title.Text)
	}
	if mask := g.Elements[1]; mask.attr("d") != path(outlinesOf(t, disc(box))) || mask.attr("fill") != "#ff3b5c" || mask.attr("fill-rule") != "evenodd" {
		t.Errorf("mask is %v", mask.Attrs)
	}
	// The line is a pixel wide; its middle runs within the box's edge.
	if r := g.Elements[2]; r.attr("x") != "20.5" || r.attr("y") != "40.5" || r.attr("width") != "59" || r.attr("height") != "49" || r.attr("stroke-width") != "1" {
		t.Errorf("box is %v", r.Attrs)
	}
	if text := g.Elements[3].Elements[1]; text.Text != "cat 0.50" || text.attr("textLength") == "" {
		t.Errorf("text is %q, %v", text.Text, text.Attrs)
	}
}

// TestSVGShadesAsDraw: on a picture so large that lines have shades, SVG and Draw
// have the same.
func TestSVGShadesAsDraw(t *testing.T) {
	size, box := image.Pt(1000, 700), image.Rect(200, 100, 500, 400)
	o := Object{Label: "cat", Box: box, Mask: disc(box)}
	var shades []element
	for _, e := range svg(t, size, "", o).Elements[0].Elements {
		if e.attr("class") == "shade" {
			if e.attr("stroke") != "#000000" || e.attr("stroke-opacity") != "0.314" || e.attr("fill") != "none" {
				t.Errorf("shade is %v", e.Attrs)
			}
			shades = append(shades, e)
		}
	}
	if len(shades) != 2 {
		t.Fatalf("%d shades, want that of the mask and of the box", len(shades))
	}
	if m := shades[0]; m.attr("d") != path(outlinesOf(t, o.Mask)) || m.attr("stroke-width") != "5.4" {
		t.Errorf("shade of the mask is %s wide, want 1.8 times a line of 3", m.attr("stroke-width"))
	}
	if r := shades[1]; r.attr("x") != "203.5" || r.attr("y") != "103.5" || r.attr("width") != "293" || r.attr("height") != "293" || r.attr("stroke-width") != "1" {
		t.Errorf("shade of the box is %v", r.Attrs)
	}
	out, plain := draws(t, canvas(size.X, size.Y), o), canvas(1, 1).RGBAAt(0, 0)
	for x, want := range map[int]color.RGBA{202: colors[0], 203: {68, 75, 82, 255}, 204: plain} { // 0.686 of the canvas
		if got := out.RGBAAt(x, 120); got != want {
			t.Errorf("pixel %d beside the box's edge is %v, want %v", x-box.Min.X, got, want)
		}
	}
}

// TestSVGEscapesLabels writes labels that would end an element, or that XML does
// not allow at all.
func TestSVGEscapesLabels(t *testing.T) {
	for label, want := range map[string]string{
		`</text><script>"'&`: `</text><script>"'&`,
		"]]>":                "]]>",
		"a\x00b\x1bc":        "a b c",
		"bad \xff byte":      "bad � byte",
		"\ufffe":             "�",
		"猫":                  "猫",
	} {
		root := svg(t, image.Pt(4000, 1000), "", Object{Label: label, Box: image.Rect(0, 0, 3000, 500)})
		g := root.Elements[0]
		if title := g.Elements[0].Text; title != want {
			t.Errorf("title of %q is %q, want %q", label, title, want)
		}
		if text := g.Elements[3].Elements[1].Text; text != want {
			t.Errorf("text of %q is %q, want %q", label, text, want)
		}
	}
}

func TestSVGWithoutObjectsIsEmpty(t *testing.T) {
	if root := svg(t, image.Pt(1, 1), ""); len(root.Elements) != 0 || root.attr("width") != "1" {
		t.Errorf("an SVG of nothing is %v", root)
	}
}

// A failing writer accepts n bytes.
type failing struct{ n int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestSVGReturnsWriteErrors(t *testing.T) {
	if err := SVG(t.Context(), &failing{10}, image.Pt(9, 9), nil, Style{}, ""); !errors.Is(err, errFull) {
		t.Errorf("error is %v, want %v", err, errFull)
	}
}

// TestLargePictureIsJPEG: DataURI writes a large picture as a JPEG of its size.
func TestLargePictureIsJPEG(t *testing.T) {
	img := canvas(1200, 1000)
	uri, err := DataURI(t.Context(), img)
	data, ok := strings.CutPrefix(uri, "data:image/jpeg;base64,")
	if err != nil || !ok {
		t.Fatalf("URI starts with %.30q, %v", uri, err)
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	back, err := jpeg.Decode(bytes.NewReader(raw))
	if err != nil || back.Bounds() != img.Rect {
		t.Fatalf("picture is %v, %v", back.Bounds(), err)
	}
	if got, err := rgba(t.Context(), back); err != nil || !slices.EqualFunc(got.Pix[:4], img.Pix[:4], func(a, b uint8) bool { return max(a, b)-min(a, b) <= 3 }) {
		t.Errorf("first pixel is %v, want about %v; %v", got.Pix[:4], img.Pix[:4], err)
	}
}
