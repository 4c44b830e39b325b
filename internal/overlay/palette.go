package overlay

import (
	"image/color"
	"math"
)

// A Palette gives each label its colour: 16 colours in the order in which labels
// are first seen, then again from the start. The zero value is ready to use. It is
// not safe for concurrent use.
type Palette struct {
	seen map[string]int // index of a label in the order first seen
}

// colors differ clearly from each other; the strongest come first.
var colors = []color.RGBA{
	{0xff, 0x3b, 0x5c, 0xff}, // red
	{0x1f, 0x9d, 0xff, 0xff}, // blue
	{0xff, 0xc8, 0x1f, 0xff}, // yellow
	{0x2e, 0xc4, 0x5a, 0xff}, // green
	{0xb1, 0x5c, 0xff, 0xff}, // violet
	{0xff, 0x8a, 0x1f, 0xff}, // orange
	{0x1f, 0xd8, 0xdc, 0xff}, // cyan
	{0xff, 0x6f, 0xd8, 0xff}, // pink
	{0xb8, 0xe9, 0x2f, 0xff}, // lime
	{0x0f, 0x8f, 0x8a, 0xff}, // teal
	{0xa8, 0x5a, 0x1e, 0xff}, // brown
	{0x46, 0x50, 0xd8, 0xff}, // indigo
	{0xf7, 0xb5, 0xa1, 0xff}, // salmon
	{0x8c, 0x14, 0x3c, 0xff}, // wine
	{0xc9, 0xc4, 0xff, 0xff}, // lavender
	{0x6b, 0x75, 0x1c, 0xff}, // olive
}

// Color returns the colour of a label, always the same one.
func (p *Palette) Color(label string) color.RGBA {
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	i, ok := p.seen[label]
	if !ok {
		i = len(p.seen)
		p.seen[label] = i
	}
	return colors[i%len(colors)]
}

// ink returns black or white, whichever has the greater contrast ratio with a
// colour (WCAG 2.2).
func ink(c color.RGBA) color.RGBA {
	if l := luminance(c); (1+0.05)/(l+0.05) > (l+0.05)/0.05 {
		return color.RGBA{0xff, 0xff, 0xff, 0xff}
	}
	return color.RGBA{A: 0xff}
}

// luminance returns the relative luminance of an opaque sRGB colour, 0 to 1.
func luminance(c color.RGBA) float64 {
	linear := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}
