package browser

import (
	"context"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // decodes the examples
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/overlay"
	"github.com/pgcli/paligemma/server"
)

// rect is where something is on the page, in CSS pixels of the window.
type rect struct{ X, Y, Width, Height float64 }

// TestBoxesAreInPlace compares the boxes on the page with those that the model finds
// without a server, to 2 pixels, at the widths of a phone and a desk.
func TestBoxesAreInPlace(t *testing.T) {
	s := serve(t, server.Options{})
	f, err := os.Open(example(t, "scene-57.jpg"))
	must(t, err)
	defer f.Close()
	img, _, err := image.Decode(f)
	must(t, err)
	r, err := s.model.Run(context.Background(), img, paligemma.Detect("heart", "star"), nil)
	must(t, err)
	if len(r.Objects) != 2 {
		t.Fatalf("%d objects, want 2", len(r.Objects))
	}
	for _, l := range []look{{width: 360, touch: true}, {width: 768}, {width: 1440}} {
		t.Run(fmt.Sprint(l.width), func(t *testing.T) {
			b := open(t, s.URL, l)
			b.press("#examples li:nth-child(2) button")
			b.answered()
			b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 1, 1)) // else what is pointed at is lit
			eval[chromedp.Void](b, `document.querySelector("#frame").scrollIntoView({ block: "center" })`)
			picture := eval[rect](b, `document.querySelector("#picture").getBoundingClientRect().toJSON()`)
			boxes := eval[[]rect](b, `[...document.querySelectorAll("#overlay .box")].map((e) => {
				const { x, y, width, height } = e.getBBox(), m = e.getScreenCTM();
				const from = new DOMPoint(x, y).matrixTransform(m), to = new DOMPoint(x + width, y + height).matrixTransform(m);
				return { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y }; })`)
			numbers := eval[[]int](b, `[...document.querySelectorAll("#overlay .object")].map((e) => Number(e.dataset.object))`)
			shot := b.shot(fmt.Sprintf("boxes-%d", l.width))
			for i, got := range boxes {
				o := r.Objects[numbers[i]]
				want := rect{picture.X + o.Box.X0*picture.Width, picture.Y + o.Box.Y0*picture.Height, (o.Box.X1 - o.Box.X0) * picture.Width, (o.Box.Y1 - o.Box.Y0) * picture.Height}
				for _, d := range []float64{got.X - want.X, got.Y - want.Y, got.X + got.Width - want.X - want.Width, got.Y + got.Height - want.Y - want.Height} {
					if math.Abs(d) > 2 {
						t.Errorf("%s: box %+v, want %+v", o.Label, got, want)
						break
					}
				}
				// The line is where it is said to be: its colour is seen there, and not 6 pixels inside.
				x, y := int(want.X+want.Width/3), want.Y+want.Height
				if !seen(shot, x, int(y), colourOf(numbers[i])) || seen(shot, x, int(y)-8, colourOf(numbers[i])) {
					t.Errorf("%s: the line at the bottom is not seen at %d, %.0f", o.Label, x, y)
				}
			}
			if len(boxes) != 2 {
				t.Errorf("%d boxes, want 2", len(boxes))
			}
			if wide := eval[int](b, `document.documentElement.scrollWidth`); wide > int(l.width) {
				t.Errorf("the page is %d pixels wide in a window of %d", wide, l.width)
			}
		})
	}
}

// colourOf returns the colour of the n-th label of an answer, as pgcli draws it.
func colourOf(n int) color.RGBA {
	var p overlay.Palette
	var c color.RGBA
	for i := range n + 1 {
		c = p.Color(fmt.Sprint(i))
	}
	return c
}

// seen reports whether a colour is within 2 pixels of a point.
func seen(img image.Image, x, y int, want color.RGBA) bool {
	for dy := -2; dy <= 2; dy++ {
		r, g, b, _ := img.At(x, y+dy).RGBA()
		off := math.Abs(float64(r>>8)-float64(want.R)) + math.Abs(float64(g>>8)-float64(want.G)) + math.Abs(float64(b>>8)-float64(want.B))
		if off < 40 {
			return true
		}
	}
	return false
}

// TestMasksFollowTheThing looks whether the mask of a moon covers the pixels that are
// drawn as a moon.
func TestMasksFollowTheThing(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{})
	b.press("#examples li:nth-child(1) button")
	if got := b.answered(); got != "2 × moon" {
		t.Fatalf("answer %q, want two moons", got)
	}
	b.shot("masks")
	// Pixels of the picture: red or blue is a moon, purple the star, the rest sand.
	overlap := eval[float64](b, `(async () => {
		const image = document.querySelector("#picture"), { naturalWidth: w, naturalHeight: h } = image;
		const pen = Object.assign(document.createElement("canvas"), { width: w, height: h }).getContext("2d");
		pen.drawImage(image, 0, 0);
		const { data } = pen.getImageData(0, 0, w, h);
		const masks = [...document.querySelectorAll("#overlay .mask")].map((e) => new Path2D(e.getAttribute("d")));
		let both = 0, either = 0;
		for (let i = 0; i < w * h; i++) {
			const [r, g, b] = data.subarray(4 * i, 4 * i + 3);
			const moon = r - b > 60 && g < 80 || b - r > 70;
			const mask = masks.some((m) => pen.isPointInPath(m, i % w + .5, Math.floor(i / w) + .5, "evenodd"));
			both += moon && mask; either += moon || mask;
		}
		return both / either; })()`)
	if overlap < 0.7 {
		t.Errorf("masks and moons have an overlap (IoU) of %.2f, want 0.7 or more", overlap)
	}
}

// TestSlider hides objects below a score, from the list, the picture and copies.
func TestSlider(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{})
	b.press("#examples li:nth-child(2) button")
	b.answered()
	scores := eval[[]float64](b, `[...document.querySelectorAll("#objects b")].map((e) => Number(e.textContent))`)
	if len(scores) != 2 || scores[0] <= scores[1] {
		t.Fatalf("scores %v, want two that fall", scores)
	}
	for _, c := range []struct {
		least string
		want  int
	}{{"1", 0}, {fmt.Sprint((scores[0] + scores[1]) / 2), 1}, {"0", 2}} {
		eval[chromedp.Void](b, fmt.Sprintf(`{ const e = document.querySelector("#least"); e.step = "any"; e.value = %s; e.dispatchEvent(new Event("input")); }`, c.least))
		drawn := eval[int](b, `document.querySelectorAll("#overlay .object").length`)
		listed := eval[int](b, `[...document.querySelectorAll("#objects li")].filter((e) => e.checkVisibility()).length`)
		if drawn != c.want || listed != c.want {
			t.Errorf("from %s: %d are drawn and %d listed, want %d", c.least, drawn, listed, c.want)
		}
	}
	eval[chromedp.Void](b, `document.querySelector('#overlay .object[data-object="1"] .box').dispatchEvent(new PointerEvent("pointerover", { bubbles: true }))`)
	if got := b.text("#objects .lit"); !strings.Contains(got, "star") {
		t.Errorf("the row %q is lit while the star's box is pointed at", got)
	}
	b.shot("hover")
}

// TestColours wants the colours of pgcli's own drawings.
func TestColours(t *testing.T) {
	source, err := os.ReadFile("../overlay.js")
	must(t, err)
	_, list, _ := strings.Cut(string(source), "palette = [")
	list, _, _ = strings.Cut(list, "]")
	got := regexp.MustCompile(`#[0-9a-f]{6}`).FindAllString(list, -1)
	if len(got) != 16 || colourOf(16) != colourOf(0) {
		t.Errorf("%d colours, want as many as package overlay has: 16", len(got))
	}
	for i, hex := range got {
		if c := colourOf(i); hex != fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) {
			t.Errorf("colour %d is %s, want %v", i, hex, c)
		}
	}
}
