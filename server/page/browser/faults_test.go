package browser

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/pgcli/paligemma/server"
)

const (
	chatPath = "/v1/chat/completions"
	hostile  = `"><img src=x onerror=alert(1)><script>alert(2)</script>`
)

// TestFaults has the page say what went wrong, and what to do, in each case.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name, want string
		expect     []string // what the browser logs
		answer     http.HandlerFunc
	}{
		{"full queue", "Too many requests wait. Try again in 3 s.", []string{"status of 429"}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"error":{"message":"too many requests wait","type":"rate_limit_error","param":null,"code":null}}`)
		}},
		{"proxy", "The server answered with status 502.", []string{"status of 502"}, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, `<html>nginx</html>`)
		}},
		{"failure within the answer", "The time of a request is over.", nil, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: {\"choices\":[],\"paligemma\":{\"stage\":\"seeing\"}}\n\n: ping\n\ndata: {\"error\":{\"message\":\"the time of a request is over\"}}\n\n")
		}},
		{"answer breaks off", "The answer broke off: the server may have ended.", nil, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"a \"}}]}\n\n")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, server.Options{})
			b := open(t, s.URL, look{})
			b.expect = c.expect
			b.upload(example(t, "scene-57.jpg"))
			s.instead(chatPath, c.answer)
			b.press("#go")
			if got := b.failed(); got != c.want {
				t.Errorf("the page says %q, want %q", got, c.want)
			}
			b.shot("fault-" + strings.ReplaceAll(c.name, " ", "-"))
			s.answer.Store(nil)
			b.press("#again")
			if got := b.answered(); !strings.HasPrefix(got, "a white heart") {
				t.Errorf("asked again, the answer is %q", got)
			}
		})
	}
}

// TestServerGone ends the server while the page is open, and before it answers.
func TestServerGone(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{})
	b.expect = []string{"net::ERR_"}
	b.upload(example(t, "scene-57.jpg"))
	s.instead(chatPath, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	b.press("#go")
	want := "The server does not answer. Is pgcli serve still running?"
	if got := b.failed(); got != want {
		t.Errorf("a connection that breaks: %q, want %q", got, want)
	}
	s.Listener.Close()
	s.CloseClientConnections()
	b.press("#again")
	if got := b.failed(); got != want {
		t.Errorf("no server: %q, want %q", got, want)
	}
}

// TestBrokenPictures drops files that are no pictures, or pictures that end early.
func TestBrokenPictures(t *testing.T) {
	s := serve(t, server.Options{MaxBody: 30 << 10})
	b := open(t, s.URL, look{})
	b.expect = []string{"status of 400"}
	good, err := os.ReadFile(example(t, "scene-57.jpg"))
	must(t, err)
	dir := t.TempDir()
	drop := func(name string, data []byte) {
		path := filepath.Join(dir, "file")
		must(t, os.WriteFile(path, data, 0o644))
		b.give("drop", "dataTransfer", file(t, path, name))
	}
	drop("notes.txt", []byte("no picture"))
	if got, want := b.failed(), "notes.txt is no picture that this browser shows. PNG, JPEG, WebP and GIF files are."; got != want {
		t.Errorf("a text: %q, want %q", got, want)
	}
	drop("half.jpg", good[:len(good)/2]) // browsers show the upper half
	b.until(`document.querySelector("#name").textContent === "half.jpg"`)
	b.press("#go")
	if got := b.failed(); !strings.Contains(strings.ToLower(got), "jpeg") && !strings.Contains(got, "picture") {
		t.Errorf("half a picture: %q, want the server's message", got)
	}
	drop("large.jpg", good)
	b.until(`document.querySelector("#name").textContent === "large.jpg"`)
	b.press("#go")
	if got := b.failed(); !strings.HasPrefix(got, "large.jpg has ") || !strings.HasSuffix(got, "Make it smaller.") {
		t.Errorf("a large file: %q", got)
	}
}

// TestForm says which field is missing, and puts the cursor there.
func TestForm(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{width: 360})
	b.press("#go")
	if got := b.failed(); got != "Choose a picture first." {
		t.Errorf("without a picture: %q", got)
	}
	b.upload(example(t, "scene-57.jpg"))
	for _, c := range []struct{ task, field, value, want string }{
		{"answer", "question", " ", "Write a question."},
		{"detect", "labels", ",", "Name the things to look for."},
		{"segment", "labels", "a<loc0001>", "“a<loc0001>” has one of ; < > in it: no name may have."},
		{"choose", "choices", "yes, yes", "Write two or more possible answers."},
	} {
		b.choose(c.task, "question", "is it?", c.field, c.value)
		eval[chromedp.Void](b, `document.querySelector("#failure").hidden = true`)
		b.press("#go")
		if got := b.failed(); got != c.want {
			t.Errorf("%s: %q, want %q", c.task, got, c.want)
		}
		if at := eval[string](b, `document.activeElement.id`); at != c.field {
			t.Errorf("%s: the cursor is in %s, want %s", c.task, at, c.field)
		}
	}
}

// TestStop ends a request, and the server hears of it.
func TestStop(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{})
	b.upload(example(t, "scene-57.jpg"))
	for _, stop := range []func(){func() { b.press("#stop") }, func() { b.do(chromedp.KeyEvent("\x1b")) }} {
		left := make(chan struct{})
		s.instead(chatPath, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // the server notices that a client leaves once it has read the body
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: {\"choices\":[],\"paligemma\":{\"stage\":\"reading\"}}\n\n")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			close(left)
		})
		b.press("#go")
		b.until(`document.querySelector("#stages .now")?.textContent.startsWith("reading")`)
		b.shot("reading")
		stop()
		select {
		case <-left:
		case <-time.After(30 * time.Second):
			t.Fatal("the server never hears that the question was stopped")
		}
		b.until(`document.querySelector("#stop").hidden && document.querySelector("#said").textContent === "Stopped."`)
	}
}

// TestKey asks for the key of a server that needs one, and keeps it nowhere.
func TestKey(t *testing.T) {
	s := serve(t, server.Options{Keys: []string{"sesame"}})
	b := open(t, s.URL, look{})
	b.expect = []string{"status of 401"}
	enter := func(key string) {
		b.until(`document.querySelector("#key-form").checkVisibility()`)
		b.do(chromedp.SetValue(chromedp.CSS("#key"), key))
		b.press("#key-form button")
	}
	b.shot("key")
	enter("wrong")
	if got := b.failed(); got != "The server does not know this key." {
		t.Errorf("a wrong key: %q", got)
	}
	enter("sesame")
	b.until(`document.querySelector("#model b")?.textContent === "tiny"`)
	b.press("#examples button")
	if got := b.answered(); got != "2 × moon" {
		t.Errorf("answer %q, want two moons", got)
	}
	if kept := eval[string](b, `JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])`); strings.Contains(kept, "sesame") {
		t.Errorf("the key is kept: %s", kept)
	}
}

// TestHostileTexts shows labels, texts, messages and file names that are HTML.
func TestHostileTexts(t *testing.T) {
	s := serve(t, server.Options{})
	b := open(t, s.URL, look{})
	b.allow()
	eval[chromedp.Void](b, `void (window.alert = () => { throw new Error("the page ran a text as a script"); })`)
	b.give("drop", "dataTransfer", file(t, example(t, "scene-57.jpg"), hostile+`$(reboot)'`))
	b.until(`document.querySelector("#sheet").checkVisibility()`)
	s.instead(chatPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":%[1]q}}]}\n\ndata: {\"choices\":[{\"delta\":{\"paligemma\":{\"stop\":\"eos\",\"problems\":[{\"reason\":%[1]q,\"text\":%[1]q}],"+
			"\"timings\":{\"encode_ns\":1,\"prefill_ns\":1,\"decode_ns\":1},\"objects\":[{\"label\":%[1]q,\"score\":0.5,\"box\":{\"x0\":0.1,\"y0\":0.1,\"x1\":0.5,\"y1\":0.5}}]}}}]}\n\n", hostile)
	})
	b.choose("detect", "labels", "cat")
	b.press("#go")
	if got := b.answered(); got != hostile {
		t.Errorf("answer %q, want %q as a text", got, hostile)
	}
	b.shot("hostile")
	for _, where := range []string{"#name", "#objects span", "#overlay text", "#overlay title", "#raw code", "#remarks", "#history .words"} {
		if got := eval[string](b, fmt.Sprintf("document.querySelector(%q).textContent", where)); !strings.Contains(got, hostile) {
			t.Errorf("%s is %q, want the text as it is", where, got)
		}
	}
	if n := eval[int](b, `document.querySelectorAll("img[src=x], main script").length`); n != 0 {
		t.Errorf("%d elements were made from a text", n)
	}
	// The SVG that is copied has the text as a text, too.
	b.press("#copies button:nth-of-type(3)")
	b.until(`document.querySelector("#said").textContent === "Copied."`)
	if n := eval[int](b, `navigator.clipboard.readText().then((text) => new DOMParser().parseFromString(text, "image/svg+xml").querySelectorAll("script, img, [onerror]").length)`); n != 0 {
		t.Errorf("the copied SVG has %d elements made from a text", n)
	}
	s.instead(chatPath, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":{"message":%q}}`, hostile)
	})
	b.expect = []string{"status of 400"}
	b.press("#go")
	if got := b.failed(); !strings.HasPrefix(got, hostile) {
		t.Errorf("the message is %q, want it as a text", got)
	}
}
