package browser

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/pgcli/paligemma/server"
)

// copied presses a button of a form and returns the text on the clipboard.
func (b *tab) copied(form string) string {
	b.t.Helper()
	eval[chromedp.Void](b, fmt.Sprintf(`document.querySelector("#said").textContent = "",
		[...document.querySelectorAll("#copies button")].find((e) => e.textContent === %q).click()`, form))
	b.until(`document.querySelector("#said").textContent !== ""`)
	if got := b.text("#said"); got != "Copied." {
		b.t.Fatalf("%s: the page says %q", form, got)
	}
	if form == "PNG" {
		return eval[string](b, `navigator.clipboard.read().then(async ([item]) => {
			const map = await createImageBitmap(await item.getType("image/png"));
			const pen = Object.assign(document.createElement("canvas"), { width: map.width, height: map.height }).getContext("2d");
			pen.drawImage(map, 0, 0);
			const box = document.querySelector("#overlay .box").getBBox();
			return map.width + " " + map.height + " " + [...pen.getImageData(box.x + box.width / 3, box.y + box.height, 1, 1).data]; })`)
	}
	return eval[string](b, `navigator.clipboard.readText()`)
}

// TestCopies compares what is copied with the server's own answers.
func TestCopies(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{})
	b.allow()
	b.press("#examples li:nth-child(1) button")
	b.answered()

	var answer struct {
		Prompt  string
		Image   struct{ Width, Height int }
		Objects []struct{ Label string }
	}
	must(t, json.Unmarshal([]byte(b.copied("JSON")), &answer))
	if answer.Prompt != "segment moon" || len(answer.Objects) != 2 || answer.Image.Width != 336 {
		t.Errorf("JSON: %+v", answer)
	}

	data, err := os.ReadFile(example(t, "scene-75.jpg"))
	must(t, err)
	r, err := http.Post(s.URL+"/v1/segment?labels=moon&format=coco&image_id=scene-75.jpg", "image/jpeg", strings.NewReader(string(data)))
	must(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	must(t, err)
	var got, want any
	must(t, json.Unmarshal([]byte(b.copied("COCO")), &got))
	must(t, json.Unmarshal(body, &want))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("COCO is %.300v, want the server's %.300v", got, want)
	}

	svg := b.copied("SVG")
	if n := strings.Count(svg, "<path"); n != 2 || !strings.Contains(svg, "data:image/jpeg;base64,") || !strings.Contains(svg, `xmlns="http://www.w3.org/2000/svg"`) {
		t.Errorf("SVG has %d masks: %.300s", n, svg)
	}
	if got, c := b.copied("PNG"), colourOf(0); got != fmt.Sprintf("336 336 %d,%d,%d,255", c.R, c.G, c.B) {
		t.Errorf("PNG: size and colour of a box are %s, want 336 336 and %v", got, c)
	}

	// An object that is hidden is not copied.
	b.press("#objects button")
	must(t, json.Unmarshal([]byte(b.copied("COCO")), &got))
	if n := len(got.([]any)); n != 1 {
		t.Errorf("COCO has %d objects while one of two is hidden", n)
	}
}

// TestCurl runs the command that is copied, for texts and names that a shell would read.
func TestCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl here")
	}
	s := serve(t, server.Options{Keys: []string{"sesame"}})
	b := open(t, s.URL, look{})
	b.expect = []string{"status of 401"}
	b.allow()
	b.until(`document.querySelector("#key-form").checkVisibility()`)
	b.do(chromedp.SetValue(chromedp.CSS("#key"), "sesame"))
	b.press("#key-form button")
	b.until(`document.querySelector("#model b")`)
	name := `it's $(reboot); "a" \b.jpg`
	dir := t.TempDir()
	data, err := os.ReadFile(example(t, "scene-57.jpg"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	b.upload(filepath.Join(dir, name))
	for _, c := range []struct {
		task, want string
		fields     []string
	}{
		{"caption", `"text":"a white heart, a pink star and a pink ring on grass"`, nil},
		{"detect", `"label":"star"`, []string{"labels", "heart, star"}},
		{"answer", `"prompt":"answer en isn't $HOME; \"a\" & ` + "`b`" + ` @c?"`, []string{"question", "isn't $HOME; \"a\" & `b` @c?"}},
		{"choose", `"best":"yes"`, []string{"question", "is there a pink star?", "choices", "yes, no"}},
	} {
		b.choose(c.task, c.fields...)
		b.press("#go")
		b.until(fmt.Sprintf(`document.querySelector("#asked b").textContent.toLowerCase() === %q`, c.task))
		b.answered()
		line := b.copied("curl")
		if strings.Contains(line, "sesame") {
			t.Errorf("the key is copied: %s", line)
		}
		cmd := exec.Command("sh", "-c", line+" -sS")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "PGCLI_API_KEY=sesame")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s\n%v: %.400s\nwant %s", line, err, out, c.want)
		}
	}
}
