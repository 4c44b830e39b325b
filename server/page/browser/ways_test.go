package browser

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/pgcli/paligemma/server"
)

// file is a JavaScript expression of a File with the bytes of a picture.
func file(t *testing.T, path, name string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return fmt.Sprintf(`new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], %q, { type: "image/jpeg" })`, base64.StdEncoding.EncodeToString(data), name)
}

// give dispatches an event with a file, as a drop or a paste does.
func (b *tab) give(kind, holder, file string) {
	b.t.Helper()
	eval[chromedp.Void](b, fmt.Sprintf(`{ const data = new DataTransfer(); data.items.add(%s);
		const target = document.querySelector("#stage");
		if (%[2]q === "drop") target.dispatchEvent(new DragEvent("dragenter", { dataTransfer: data, bubbles: true }));
		target.dispatchEvent(new %[3]s(%[2]q, { %[4]s: data, bubbles: true, cancelable: true })); }`, file, kind,
		map[string]string{"drop": "DragEvent", "paste": "ClipboardEvent"}[kind], holder))
}

// TestDropPasteChoose has a picture arrive in each way, and be asked about.
func TestDropPasteChoose(t *testing.T) {
	s := serve(t, server.Options{})
	want := "a white heart, a pink star and a pink ring on grass" // as scripts/tiny draws it
	ways := map[string]func(b *tab){
		"drop":   func(b *tab) { b.give("drop", "dataTransfer", file(t, example(t, "scene-57.jpg"), "dropped.jpg")) },
		"paste":  func(b *tab) { b.give("paste", "clipboardData", file(t, example(t, "scene-57.jpg"), "pasted.jpg")) },
		"choose": func(b *tab) { b.upload(example(t, "scene-57.jpg")) },
		"photo": func(b *tab) {
			b.do(chromedp.SetUploadFiles(chromedp.CSS("#camera"), []string{example(t, "scene-57.jpg")}))
		},
	}
	for name, give := range ways {
		t.Run(name, func(t *testing.T) {
			b := open(t, s.URL, look{touch: name == "photo"})
			if shown := eval[bool](b, `document.querySelector("#take-photo").checkVisibility()`); shown != (name == "photo") {
				t.Errorf("the button to take a photo is shown: %v", shown)
			}
			give(b)
			b.until(`document.querySelector("#sheet").checkVisibility() && document.querySelector("#picture").complete`)
			if eval[bool](b, `document.body.classList.contains("dropping")`) {
				t.Error("the page still waits for the drop")
			}
			b.press("#go")
			if got := b.answered(); got != want {
				t.Errorf("answer %q, want %q", got, want)
			}
			stages := b.text("#stages")
			for _, stage := range []string{"seeing", "reading", "answering"} {
				if !strings.Contains(stages, stage) || !strings.Contains(stages, "ms") {
					t.Errorf("stages %q, want times of %s", stages, stage)
				}
			}
		})
	}
}

// TestTasks asks each task about a picture that the embedded model knows.
func TestTasks(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{})
	b.upload(example(t, "scene-57.jpg"))
	for _, c := range []struct {
		task, want string
		fields     []string
	}{
		{"caption", "a white heart, a pink star and a pink ring on grass", nil},
		{"answer", "yes", []string{"question", "is there a pink star?"}},
		{"detect", "heart, star", []string{"labels", "heart, star"}},
		{"segment", "ring", []string{"labels", " ring "}},
		{"choose", "yes, ", []string{"question", "is there a pink star?", "choices", "yes, no"}},
	} {
		b.choose(c.task, c.fields...)
		b.press("#go")
		b.until(fmt.Sprintf(`document.querySelector("#asked b").textContent.toLowerCase() === %q`, c.task))
		if got := b.answered(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: answer %q, want %q", c.task, got, c.want)
		}
		b.shot("task-" + c.task)
	}
	if n := eval[int](b, `document.querySelectorAll("#chosen li").length`); n != 2 {
		t.Errorf("%d probabilities, want 2", n)
	}
	if n := eval[int](b, `document.querySelectorAll("#history li").length`); n != 5 {
		t.Errorf("%d earlier answers, want 5", n)
	}
	b.shot("history")
	b.press("#history li:nth-child(2) button") // of segment
	if got := b.answered(); got != "ring" || eval[int](b, `document.querySelectorAll("#overlay .mask").length`) != 1 {
		t.Errorf("an earlier answer is %q, want ring with a mask", got)
	}
	if got := eval[string](b, `document.querySelector("#labels").value`); got != " ring " {
		t.Errorf("the form has labels %q, want those of the earlier question", got)
	}
}

// TestKeyboardOnly reaches everything without a mouse.
func TestKeyboardOnly(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{})
	at := func() string {
		return eval[string](b, `document.activeElement.id || document.activeElement.closest("[id]").id`)
	}
	press := func(key string) { b.do(chromedp.KeyEvent(key)) }
	outlined := func() {
		t.Helper()
		if !eval[bool](b, `[document.activeElement, document.activeElement.nextElementSibling].some((e) => e && getComputedStyle(e).outlineStyle !== "none" && parseFloat(getComputedStyle(e).outlineWidth) >= 2)`) {
			t.Errorf("the focus on %s cannot be seen", at())
		}
	}
	var order []string
	for range 7 {
		press(kb.Tab)
		order = append(order, at())
		outlined()
	}
	if got, want := strings.Join(order, " "), "choose-file examples examples examples examples task-caption language"; got != want {
		t.Errorf("Tab reaches %s, want %s", got, want)
	}
	eval[chromedp.Void](b, `document.querySelector("#examples button").focus()`)
	press(kb.Enter)
	if got := b.answered(); got != "2 × moon" {
		t.Errorf("answer %q, want two moons", got)
	}
	eval[chromedp.Void](b, `document.querySelector("#task-segment").focus()`)
	press(kb.ArrowLeft)
	if got := at(); got != "task-detect" {
		t.Errorf("the arrow reaches %s, want task-detect", got)
	}
	press(kb.Tab)
	outlined()
	b.do(chromedp.KeyEvent("\x08\x08\x08\x08star\r"))
	b.until(`document.querySelector("#asked").textContent.startsWith("Detect")`)
	b.answered()
	eval[chromedp.Void](b, `document.querySelector("#objects button").focus()`)
	outlined()
	if n := eval[int](b, `document.querySelectorAll("#overlay .lit").length`); n != 1 {
		t.Errorf("%d objects are lit by the focus on a row, want 1", n)
	}
	press(" ")
	if n := eval[int](b, `document.querySelectorAll("#overlay .object").length`); n != 0 {
		t.Errorf("%d objects are drawn after the only one is hidden", n)
	}
	eval[chromedp.Void](b, `document.querySelector("#least").focus()`)
	press(kb.ArrowRight)
	if got := b.text("#least-value"); got != "0.01" {
		t.Errorf("the slider is at %s, want 0.01", got)
	}
	said := b.text("#said")
	if !strings.Contains(said, "star") {
		t.Errorf("the live region says %q, want the answer", said)
	}
}

// TestNames wants a name for everything that takes input, and no two elements with one id.
func TestNames(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{})
	for _, bad := range eval[[]string](b, `[...document.querySelectorAll("button, input, img, svg:not([aria-hidden]), section, form:not(#ask, #key-form)")].filter((e) =>
		!(e.ariaLabel || e.innerText?.trim() || e.labels?.length || e.alt || e.id === "picture")).map((e) => e.outerHTML.slice(0, 120))`) {
		t.Errorf("no name: %s", bad)
	}
	if twice := eval[int](b, `document.querySelectorAll("[id]").length - new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size`); twice != 0 {
		t.Errorf("%d ids are used twice", twice)
	}
}
