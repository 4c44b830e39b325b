package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/pgcli/paligemma/server"
)

// faint lists texts whose contrast with their ground is below 4.5 (WCAG 2.2, 1.4.3).
const faint = `(() => {
	const parse = (text) => text.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; } return [255, 255, 255]; };
	const list = [];
	for (const e of document.querySelectorAll("body *")) {
		if (e.closest("svg") || !e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		if (e.closest(".unseen, [aria-pressed=false]")) continue;
		const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
		if ((a + .05) / (b + .05) < 4.5) list.push(e.tagName + " " + e.textContent.slice(0, 40) + " " + ((a + .05) / (b + .05)).toFixed(2));
	}
	return list; })()`

// small lists what can be pressed and is smaller than 24 pixels (WCAG 2.2, 2.5.8).
const small = `[...document.querySelectorAll("button, input:not([type=radio]), #tasks span, summary")].filter((e) => e.checkVisibility())
	.filter((e) => e.getBoundingClientRect().width < 24 || e.getBoundingClientRect().height < 24).map((e) => e.outerHTML.slice(0, 80))`

// TestLooks shows the page in light and dark, on a phone and a desk: each text can be
// read, each button hit, and nothing is wider than the window.
func TestLooks(t *testing.T) {
	s := serve(t, server.Options{})
	for _, l := range []look{{width: 1440, scheme: "light"}, {width: 1440, scheme: "dark"}, {width: 360, height: 740, scheme: "light", touch: true}, {width: 360, height: 740, scheme: "dark", touch: true}} {
		name := fmt.Sprintf("%d-%s", l.width, l.scheme)
		t.Run(name, func(t *testing.T) {
			b := open(t, s.URL, l)
			b.until(`document.querySelector("#model b")`)
			check := func(state string) {
				t.Helper()
				b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 1, 1))
				b.shot(name + "-" + state)
				for _, text := range eval[[]string](b, faint) {
					t.Errorf("%s: too faint: %s", state, text)
				}
				for _, e := range eval[[]string](b, small) {
					t.Errorf("%s: too small to hit: %s", state, e)
				}
				if wide := eval[int64](b, `document.documentElement.scrollWidth`); wide > l.width {
					t.Errorf("%s: the page is %d pixels wide", state, wide)
				}
			}
			check("empty")
			b.press("#examples li:nth-child(1) button")
			b.answered()
			check("masks")
			b.choose("detect", "labels", "star, moon")
			b.press("#go")
			b.until(`document.querySelector("#asked").textContent.startsWith("Detect")`)
			b.answered()
			check("boxes")
			b.choose("answer", "question", "")
			b.press("#go")
			b.failed()
			check("fault")
		})
	}
}
