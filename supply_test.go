package paligemma_test

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testrace"
)

// TestModuleIsSmall packs the module as the go command's proxies do: a program that
// imports it downloads less than 15 MB. A folder with a go.mod of its own is left out.
func TestModuleIsSmall(t *testing.T) {
	testrace.Sequential(t)
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("this is no clone: %v", err)
	}
	files := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	apart := map[string]bool{}
	for _, name := range files {
		if path.Base(name) == "go.mod" {
			apart[path.Dir(name)] = true
		}
	}
	delete(apart, ".") // the module itself
	var size counter
	w := zip.NewWriter(&size)
	packed := 0
	for _, name := range files {
		if inside(name, apart) {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			continue // removed, but not committed yet
		}
		packed++
		member, err := w.Create(module + "@v0.0.0/" + name)
		if err == nil {
			_, err = member.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed < 200 || len(apart) < 2 {
		t.Errorf("%d files are packed, %d modules left out: want the whole module, and two left out", packed, len(apart))
	}
	if size >= 15e6 {
		t.Errorf("the module's zip has %d bytes, want less than 15 MB", size)
	}
}

// inside reports whether a file lies in one of the folders.
func inside(name string, folders map[string]bool) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if folders[dir] {
			return true
		}
	}
	return false
}

// A counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

var _ io.Writer = new(counter)

// TestVexIsAboutWhatIsBuiltIn compares openvex.json, which explains a scanner's findings
// about ollama, with the program: it has that version, and of it only the packages of
// ggml's C. scripts/supply/vulncheck.py compares the statements with the advisories.
func TestVexIsAboutWhatIsBuiltIn(t *testing.T) {
	const ollama = "github.com/ollama/ollama"
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}@{{.Version}}{{end}} {{.ImportPath}}", "./cmd/pgcli")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	version, packages := "", 0
	for line := range strings.Lines(string(out)) {
		from, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !within(name, ollama) {
			continue
		}
		packages++
		version = from
		if !within(name, ollama+"/ml/backend/ggml/ggml/src") {
			t.Errorf("package %s is built in, want none but ggml's: openvex.json says so", name)
		}
	}
	data, err := os.ReadFile("openvex.json")
	if err != nil {
		t.Fatal(err)
	}
	var vex struct {
		Statements []struct {
			Vulnerability         struct{ Name string }
			Status, Justification string
			Products              []struct {
				Subcomponents []struct {
					ID string `json:"@id"`
				}
			}
		}
	}
	if err := json.Unmarshal(data, &vex); err != nil {
		t.Fatal(err)
	}
	if len(vex.Statements) == 0 || packages == 0 {
		t.Fatalf("%d statements, %d packages of ollama: want some", len(vex.Statements), packages)
	}
	for _, s := range vex.Statements {
		if got := s.Products[0].Subcomponents[0].ID; got != "pkg:golang/"+version {
			t.Errorf("%s: openvex.json is about %s, but %s is built in", s.Vulnerability.Name, got, version)
		}
		if s.Status != "not_affected" || s.Justification != "vulnerable_code_not_present" {
			t.Errorf("%s: %s, %s: want what the packages show", s.Vulnerability.Name, s.Status, s.Justification)
		}
	}
}
