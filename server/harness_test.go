package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/models"
)

// TestMain fails if a test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A site is a server with the embedded model, and its address.
type site struct {
	*Server
	t   testing.TB
	web *httptest.Server
	log *bytes.Buffer
}

func openTiny(t testing.TB) *paligemma.Model {
	t.Helper()
	m, err := paligemma.New(models.Tiny(), &paligemma.Options{Engine: paligemma.EngineOptions{Library: testmodel.Engine(t)}, Threads: 1})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	return m
}

// serve starts a server that the test ends.
func serve(t testing.TB, o Options) *site {
	t.Helper()
	s := &site{t: t, log: &bytes.Buffer{}}
	m := openTiny(t)
	o.Name = "tiny"
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	}
	var err error
	s.Server, err = New(m, &o)
	must(t, err)
	s.web = httptest.NewServer(s.Server)
	t.Cleanup(func() {
		s.web.CloseClientConnections()
		must(t, s.Close())
		s.web.Close()
		s.web.Client().CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// send sends a request with headers in pairs, and returns status and body.
func (s *site) send(method, path string, body []byte, headers ...string) (*http.Response, []byte) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.web.URL+path, bytes.NewReader(body))
	must(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	w, err := s.web.Client().Do(r)
	must(s.t, err)
	defer w.Body.Close()
	out, err := io.ReadAll(w.Body)
	must(s.t, err)
	return w, out
}

// post sends JSON and reads the answer into out; it wants a status.
func (s *site) post(path string, body any, want int, out any) *http.Response {
	s.t.Helper()
	data, ok := body.([]byte)
	if !ok {
		var err error
		data, err = json.Marshal(body)
		must(s.t, err)
	}
	w, got := s.send("POST", path, data, "Content-Type", "application/json")
	if w.StatusCode != want {
		s.t.Fatalf("POST %s: status %d, want %d: %.300s", path, w.StatusCode, want, got)
	}
	if out != nil {
		if err := json.Unmarshal(got, out); err != nil {
			s.t.Fatalf("POST %s: %v: %.300s", path, err, got)
		}
	}
	return w
}

// scene returns the file of a picture that the embedded model knows.
func scene(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "cmd", "pgcli", "demo", "scene-"+name+".jpg"))
	must(t, err)
	return data
}

func dataURI(file []byte) string {
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(file)
}

// ask returns a chat request with a prompt about a picture, and more fields.
func ask(prompt string, file []byte, more map[string]any) map[string]any {
	r := map[string]any{"model": "tiny", "messages": []any{map[string]any{"role": "user", "content": []any{
		map[string]any{"type": "text", "text": prompt},
		map[string]any{"type": "image_url", "image_url": map[string]any{"url": dataURI(file)}},
	}}}}
	for k, v := range more {
		r[k] = v
	}
	return r
}

// form returns a form with a picture and fields in pairs.
func form(t testing.TB, file []byte, fields ...string) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("image", "picture.jpg")
	must(t, err)
	_, err = part.Write(file)
	must(t, err)
	for i := 0; i < len(fields); i += 2 {
		must(t, w.WriteField(fields[i], fields[i+1]))
	}
	must(t, w.Close())
	return b.Bytes(), w.FormDataContentType()
}

// run answers a prompt without the server.
func run(t testing.TB, m *paligemma.Model, file []byte, p paligemma.Prompt, sm *paligemma.Sampling) *paligemma.Result {
	t.Helper()
	img, err := m.ReadImage(bytes.NewReader(file))
	must(t, err)
	r, err := m.Run(t.Context(), img, p, sm)
	must(t, err)
	return r
}

// until waits for a condition, and fails the test if it never comes.
func until(t testing.TB, what string, f func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !f() {
		if time.Since(start) > 20*time.Second {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(start)
}

// idle reports whether no request is inside.
func (s *Server) idle() bool {
	computed, waiting := s.queue.load()
	return computed == 0 && waiting == 0
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
