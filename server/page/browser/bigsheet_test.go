package browser

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/pgcli/paligemma/batch/record"
)

var sheetPictures = flag.Int("sheet", 2100, "pictures of the contact sheet with many, each with 4 objects and 2 answers")

// manyRecords yields two records of each of many pictures: a text, and four objects of
// twenty labels.
func manyRecords(t *testing.T, n int) func(yield func(*record.Record, error) bool) {
	t.Helper()
	data, err := os.ReadFile(records + "records.jsonl")
	must(t, err)
	lines := strings.Split(string(data), "\n")
	return func(yield func(*record.Record, error) bool) {
		for i := range n {
			for prompt, line := range lines[:2] {
				r, err := record.Decode([]byte(line))
				must(t, err)
				r.Image = fmt.Sprintf("folder/picture-%05d.png", i)
				if prompt == 0 {
					r.Objects = append(r.Objects, r.Objects[0])
				}
				for k := range r.Objects {
					r.Objects[k].Label = fmt.Sprintf("label %d", (i+k)%20)
					r.Objects[k].Score = float32((i*7+k*31)%100) / 100
				}
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// TestSheetOfManyPictures opens a contact sheet of several pages: pictures that nobody has
// seen are not loaded, filters go with the links to other pages, and the times are logged.
func TestSheetOfManyPictures(t *testing.T) {
	address := sheetOf(t, manyRecords(t, *sheetPictures), func(string) string { return "a & b/first (1).png" })
	b := newTab(t, look{})
	call(b, cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: `window.longest = 0;
		new PerformanceObserver((l) => { for (const e of l.getEntries()) longest = Math.max(longest, e.duration); }).observe({ type: "longtask", buffered: true });`})
	b.do(chromedp.Navigate(address))
	b.until(`document.querySelector("#count").textContent`)
	t.Logf("opened: %s", eval[string](b, figures))
	cards := eval[int](b, `document.querySelectorAll("article").length`)
	if loaded := eval[int](b, `[...document.images].filter((i) => i.complete && i.naturalWidth > 0).length`); cards != 1000 || loaded > 300 {
		t.Errorf("%d cards, and %d pictures are loaded that nobody has seen, want 1000 and few", cards, loaded)
	}
	for _, set := range []string{`label.value = "=label 3"`, `score.value = 0.5`, `label.value = ""`, `score.value = 0.25; label.value = "=label 7"`} {
		took := eval[float64](b, `(async () => { const start = performance.now(); `+set+`; document.querySelector("form").dispatchEvent(new Event("input"));
			await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); return performance.now() - start; })()`)
		if got, want := b.text("#count"), eval[string](b, counted); !strings.HasPrefix(got, want) || strings.HasPrefix(want, "0 ") {
			t.Errorf("%s: %q, want %q", set, got, want)
		}
		t.Logf("%s: %.0f ms; %s", set, took, eval[string](b, figures))
	}
	eval[chromedp.Void](b, `void scrollTo(0, document.body.scrollHeight)`)
	b.until(`[...document.images].some((i) => i.checkVisibility() && i.complete && i.naturalWidth > 0 && i.getBoundingClientRect().top > 0)`)
	t.Logf("at the end: %s", eval[string](b, figures))
	b.press("nav a:last-child")
	b.until(`location.pathname.endsWith("/page2.html") && document.querySelector("#count")?.textContent`)
	if got := eval[string](b, `label.value + " " + score.value`); got != "=label 7 0.25" {
		t.Errorf("the next page filters by %q, want what the one before did", got)
	}
	if got, want := b.text("#count"), eval[string](b, counted); !strings.HasPrefix(got, want) || strings.HasPrefix(want, "0 ") {
		t.Errorf("the next page shows %q, want %q", got, want)
	}
}

// figures tells the time to the page's end, the longest task, and the memory of the page.
const figures = `(() => { const n = performance.getEntriesByType("navigation")[0];
	return Math.round(n.domContentLoadedEventEnd) + " ms to the end of the page, longest task " + Math.round(longest) + " ms, " +
		Math.round(performance.memory.usedJSHeapSize / 1e6) + " MB of objects"; })()`
