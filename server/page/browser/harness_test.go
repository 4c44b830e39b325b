package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cdbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/models"
	"github.com/pgcli/paligemma/server"
)

// requireVariable makes tests fail, and not skip, without Chromium.
const requireVariable = "PALIGEMMA_REQUIRE_CHROMIUM"

// chromium is the browser that all tests share, each with a profile of its own.
var chromium = sync.OnceValues(func() (context.Context, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
			chromedp.Flag("headless", "new"), chromedp.WSURLReadTimeout(time.Minute))
		allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, end := chromedp.NewContext(allocator)
		stop = func() { end(); cancel() }
		return ctx, chromedp.Do(ctx)
	}
	return nil, exec.ErrNotFound
})

var stop = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stop()
	os.Exit(code)
}

// A site is a server with the embedded model. answer may be set to answer requests in
// its place; it returns false to leave one to it.
type site struct {
	*httptest.Server
	model  *paligemma.Model
	answer atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

// serve starts a server that the test ends.
func serve(t *testing.T, o server.Options) *site {
	t.Helper()
	s := &site{}
	var err error
	s.model, err = paligemma.New(models.Tiny(), &paligemma.Options{Engine: paligemma.EngineOptions{Library: testmodel.Engine(t)}, Threads: 1})
	must(t, err)
	o.Name = "tiny"
	handler, err := server.New(s.model, &o)
	must(t, err)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := s.answer.Load(); f != nil && (*f)(w, r) {
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		must(t, handler.Close())
		s.Close()
		must(t, s.model.Close())
	})
	return s
}

// instead has f answer requests to a path.
func (s *site) instead(path string, f http.HandlerFunc) {
	g := func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == path {
			f(w, r)
			return true
		}
		return false
	}
	s.answer.Store(&g)
}

// A tab is a page in the browser, and what went wrong in it.
type tab struct {
	t      testing.TB
	ctx    context.Context
	mu     sync.Mutex
	faults []string
	expect []string // parts of faults that the test is about
}

// A look is how a page is shown.
type look struct {
	width, height int64  // of the window, in CSS pixels; 0 means 1440 and 900
	scheme        string // light or dark
	touch         bool
}

// newTab opens an empty tab. The test fails if a page in it logs an error, throws, or
// breaks its policy.
func newTab(t testing.TB, l look) *tab {
	t.Helper()
	all, err := chromium()
	if errors.Is(err, exec.ErrNotFound) && os.Getenv(requireVariable) == "" {
		t.Skip("SKIPPED: no chromium here, so the page is not tested: apt-get install chromium")
	}
	must(t, err)
	ctx, cancel := chromedp.NewContext(all, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &tab{t: t}
	must(t, chromedp.Listen(ctx, b.listen))
	b.ctx, cancel = context.WithTimeout(ctx, 3*time.Minute) // only against hanging
	t.Cleanup(func() {
		b.close()
		cancel()
	})
	call(b, log.Enable, cdp.Empty{})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: or(l.width, 1440), Height: or(l.height, 900), DeviceScaleFactor: 1, Mobile: l.touch})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: or(l.scheme, "light")}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	call(b, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: l.touch})
	call(b, cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: `window.violations = [];
		addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective + " " + e.blockedURI));`})
	return b
}

// open shows a URL in a new tab.
func open(t testing.TB, url string, l look) *tab {
	t.Helper()
	b := newTab(t, l)
	b.do(chromedp.Navigate(url))
	b.until(`document.querySelector("#task-choose")`)
	return b
}

// call sends a command of the DevTools protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, command, params)
	must(b.t, err)
	return r
}

func or[T comparable](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

func (b *tab) listen(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		fault = "console: " + string(e.Type)
		for _, a := range e.Args {
			fault += " " + string(a.Value) + a.Description
		}
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			fault += " " + x.Description
		}
	case *log.EventEntryAdded:
		fault = fmt.Sprintf("log: %s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
	}
	if fault != "" {
		b.mu.Lock()
		b.faults = append(b.faults, fault)
		b.mu.Unlock()
	}
}

// close reports what went wrong in the page.
func (b *tab) close() {
	for _, v := range eval[[]string](b, `violations`) {
		b.t.Errorf("the page broke its policy: %s", v)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for _, fault := range b.faults {
		for _, part := range b.expect {
			if strings.Contains(fault, part) {
				continue next
			}
		}
		b.t.Errorf("the page has an error: %s", fault)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, steps...))
}

// eval returns the value of a JavaScript expression, or of its promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for a JavaScript condition.
func (b *tab) until(condition string) {
	b.t.Helper()
	start := time.Now()
	for !eval[bool](b, "!!("+condition+")") {
		if time.Since(start) > time.Minute {
			b.t.Fatalf("never: %s; the page says %q", condition, b.text("body"))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// text returns the text of an element that is shown.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// answered waits for an answer, and returns its line.
func (b *tab) answered() string {
	b.t.Helper()
	b.until(`document.querySelector("#copies").checkVisibility() && document.querySelector("#stop").hidden`)
	return b.text("#text")
}

// failed waits for a message of failure.
func (b *tab) failed() string {
	b.t.Helper()
	b.until(`document.querySelector("#failure").checkVisibility()`)
	return b.text("#failure p")
}

// upload chooses a file as the page's buttons do.
func (b *tab) upload(path string) {
	b.t.Helper()
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{path}))
	b.until(fmt.Sprintf("document.querySelector('#name').textContent === %q", filepath.Base(path)))
}

// choose marks a task and fills in fields, in pairs.
func (b *tab) choose(task string, fields ...string) {
	b.t.Helper()
	eval[chromedp.Void](b, fmt.Sprintf(`document.querySelector("#task-%s").click()`, task))
	for i := 0; i < len(fields); i += 2 {
		eval[chromedp.Void](b, fmt.Sprintf(`void (document.querySelector("#%s").value = %q)`, fields[i], fields[i+1]))
	}
}

// press clicks an element.
func (b *tab) press(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// allow lets the page write to the clipboard, and the test read it.
func (b *tab) allow() {
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		call(b, cdbrowser.SetPermission, cdbrowser.SetPermissionParams{Permission: &cdbrowser.PermissionDescriptor{Name: name},
			Setting: cdbrowser.PermissionSettingGranted, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID})
	}
}

// shot returns the window's picture. With PGCLI_SHOTS the whole page's is kept in that
// folder, too.
func (b *tab) shot(name string) image.Image {
	b.t.Helper()
	data, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	must(b.t, err)
	img, err := png.Decode(bytes.NewReader(data))
	must(b.t, err)
	if dir := os.Getenv("PGCLI_SHOTS"); dir != "" {
		whole, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		must(b.t, err)
		must(b.t, os.WriteFile(filepath.Join(dir, name+".png"), whole, 0o644))
	}
	return img
}

// example returns the path of a picture that comes with the page. The browser has
// another working directory.
func example(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", name))
	must(t, err)
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
