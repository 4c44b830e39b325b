package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/pgcli/paligemma/batch/export"
	"github.com/pgcli/paligemma/batch/record"
)

// records is the folder of the records and pictures of package export's tests.
const records = "../../../batch/export/testdata/"

// hostileName is a name, a label and an error that a page must show as text.
const hostileName = `"><img src=x onerror=alert(1)><script>alert(2)</script>'&lt; ` + "\u202egnp.exe"

// sheet exports the records to a contact sheet, with a hostile name, label and error, and
// returns the address of its page.
func sheet(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(records + "records.jsonl")
	must(t, err)
	quoted, err := json.Marshal(hostileName)
	must(t, err)
	inner := strings.Trim(string(quoted), `"`)
	text := strings.ReplaceAll(strings.ReplaceAll(string(data), "third.gif", inner), "ring", inner)
	text = strings.ReplaceAll(text, "gone.png", "gone "+inner)
	return sheetOf(t, record.NewReader(strings.NewReader(text), "records").All(), func(name string) string {
		if name == hostileName {
			return "third.gif"
		}
		return name
	})
}

// sheetOf exports records to a contact sheet, and returns the address of its first page. file
// returns the picture among those of the records that has a name.
func sheetOf(t *testing.T, all iter.Seq2[*record.Record, error], file func(name string) string) string {
	t.Helper()
	format := export.Format{}
	for _, f := range export.Formats() {
		if f.Name == "html" {
			format = f
		}
	}
	out := filepath.Join(t.TempDir(), "sheet")
	_, err := export.Run(t.Context(), format, out, all, &export.Options{Read: func(_ context.Context, name string) ([]byte, error) {
		return os.ReadFile(records + "pictures/" + file(name))
	}})
	must(t, err)
	return "file://" + out + "/index.html"
}

// TestSheet opens a contact sheet from the disk, on a desk and a phone: each picture
// loads, nothing is wider than the window, hostile texts are texts, and the filters by
// label, score and objects show what they say.
func TestSheet(t *testing.T) {
	address := sheet(t)
	for _, l := range []look{{width: 1440, scheme: "light"}, {width: 360, height: 740, scheme: "dark", touch: true}} {
		t.Run(fmt.Sprint(l.width), func(t *testing.T) {
			b := newTab(t, l)
			b.do(chromedp.Navigate(address))
			b.until(`document.querySelector("#count").textContent`)
			b.until(`[...document.images].every((i) => { i.loading = "eager"; return i.complete && i.naturalWidth > 0; })`)
			if n := eval[int](b, `document.images.length`); n != 3 {
				t.Errorf("%d pictures, want 3", n)
			}
			if wide := eval[int](b, `document.documentElement.scrollWidth`); wide > int(l.width) {
				t.Errorf("the page is %d pixels wide, want %d", wide, l.width)
			}
			if list := eval[[]string](b, faint); len(list) > 0 {
				t.Errorf("texts that are hard to read: %q", list)
			}
			b.shot(fmt.Sprintf("sheet-%d-%s", l.width, l.scheme))
			titles := eval[[]string](b, `[...document.querySelectorAll("h2")].map((e) => e.textContent)`)
			if len(titles) != 4 || titles[2] != hostileName && titles[3] != hostileName {
				t.Errorf("titles %q, want one that is %q", titles, hostileName)
			}
			labels := eval[[]string](b, `[...document.querySelectorAll("#label option")].map((e) => e.textContent)`)
			if len(labels) < 3 || !strings.Contains(strings.Join(labels, "\n"), hostileName) {
				t.Errorf("labels %q, want all and those of the records", labels)
			}
			for _, c := range []struct{ set, want string }{
				{`label.value = ""`, "4 of 4 pictures"},
				{`label.value = "=cat"`, ""},
				{`label.value = "=" + ` + string(quote(hostileName)), ""},
				{`label.value = ""; score.value = 0.85`, ""},
				{`score.value = 0; found.checked = true`, ""},
			} {
				eval[chromedp.Void](b, c.set+`; document.querySelector("form").dispatchEvent(new Event("input"))`)
				got := b.text("#count")
				want := eval[string](b, counted)
				if got != want || c.want != "" && got != c.want {
					t.Errorf("%s: %q, want %q, and %q", c.set, got, want, c.want)
				}
				if got == "0 of 4 pictures" {
					t.Errorf("%s: no picture is shown", c.set)
				}
			}
		})
	}
}

// counted says how many pictures have to be shown, by the objects' labels and scores as
// the records have them, and that those of others are not.
const counted = `(() => {
	const want = document.querySelector("#label").value, least = Number(document.querySelector("#score").value);
	const fits = (o) => (!want || "=" + o.dataset.label === want) && Number(o.dataset.score) >= least;
	const all = [...document.querySelectorAll("article")];
	const chips = (a) => [...a.querySelectorAll(".chip")];
	const filtered = want || least || document.querySelector("#found").checked;
	const shown = all.filter((a) => !filtered || chips(a).some(fits));
	const wrong = all.filter((a) => a.checkVisibility() !== shown.includes(a)).length + all.filter((a) => a.checkVisibility()).flatMap(chips).filter((o) => o.checkVisibility() !== fits(o)).length;
	return wrong ? wrong + " wrong" : shown.length + " of " + all.length + " pictures"; })()`

func quote(text string) []byte { data, _ := json.Marshal(text); return data }
