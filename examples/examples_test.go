package examples

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/testmodel"
	"github.com/pgcli/paligemma/models"
	"github.com/pgcli/paligemma/server"
)

const picture = "../cmd/pgcli/demo/scene-05.jpg"

// objects starts a server for the test, and returns its address and the things that
// the model finds without it.
func objects(t *testing.T, labels ...string) (url string, found []paligemma.Object) {
	t.Helper()
	m, err := paligemma.New(models.Tiny(), &paligemma.Options{Engine: paligemma.EngineOptions{Library: testmodel.Engine(t)}, Threads: 1})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	s, err := server.New(m, nil)
	must(t, err)
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.Close()
		must(t, s.Close())
	})
	file, err := os.ReadFile(picture)
	must(t, err)
	img, err := m.ReadImage(bytes.NewReader(file))
	must(t, err)
	r, err := m.Run(t.Context(), img, paligemma.Detect(labels...), nil)
	must(t, err)
	if len(r.Objects) == 0 {
		t.Fatal("the model finds nothing")
	}
	return web.URL, r.Objects
}

// run runs a program and returns what it prints.
func run(t *testing.T, url, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%v: install it", err)
	}
	c := exec.CommandContext(t.Context(), name, args...)
	c.Env = append(os.Environ(), "PGCLI_URL="+url)
	var wrong bytes.Buffer
	c.Stderr = &wrong
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", c, err, out, &wrong)
	}
	return string(out)
}

// TestCurl has the shell script print the model's own objects.
func TestCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skipf("%v: install it", err)
	}
	url, want := objects(t, "cross", "circle")
	var got struct{ Objects []paligemma.Object }
	must(t, json.Unmarshal([]byte(run(t, url, "sh", "detect.sh", picture, "cross", "circle")), &got))
	if len(got.Objects) != len(want) {
		t.Fatalf("%d objects, want %d", len(got.Objects), len(want))
	}
	for i, o := range want {
		if g := got.Objects[i]; g.Label != o.Label || g.Box != o.Box || g.Score != o.Score {
			t.Errorf("object %d: %+v, want %+v", i, g, o)
		}
	}
}

// TestGo has the Go program print the model's own objects.
func TestGo(t *testing.T) {
	url, want := objects(t, "cross", "circle")
	var lines strings.Builder
	for _, o := range want {
		fmt.Fprintf(&lines, "%s\t%.2f\t%d %d %d %d\n", o.Label, o.Score, o.Pixels.Min.X, o.Pixels.Min.Y, o.Pixels.Max.X, o.Pixels.Max.Y)
	}
	if got := run(t, url, "go", "run", "./go", picture, "cross", "circle"); got != lines.String() {
		t.Errorf("printed\n%swant\n%s", got, &lines)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
