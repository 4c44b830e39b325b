package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/testhub"
)

// TestEveryTypeArrives: in each type, weights that arrive give the bytes of those in a folder.
func TestEveryTypeArrives(t *testing.T) {
	atHub(t, &testhub.Hub{Files: checkpoint(t)})
	dir := t.TempDir()
	for _, typ := range convert.Types() {
		var files [2][]byte
		for i, source := range []string{"../../testdata/oracle/pg1-a", "hf://" + testhub.Repo} {
			dst := filepath.Join(dir, "x.gguf")
			if _, errs, code := pgcli(t, "convert", source, "-o", dst, "--type", typ, "--name", "x", "--force"); code != 0 {
				t.Fatalf("%s of %s: code %d: %s", typ, source, code, errs)
			}
			var err error
			files[i], err = os.ReadFile(dst)
			must(t, err)
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Errorf("%s: weights that arrive give other bytes than the folder", typ)
		}
	}
}

// TestProgressOfTheHub: where no terminal shows it, the progress is lines of plain text, one for
// each tenth, that end at 100 %.
func TestProgressOfTheHub(t *testing.T) {
	line := regexp.MustCompile(`^pgcli: (fetching x-f32\.gguf|writing): +(\d+) % of [\d.]+ MiB$`)
	for what, files := range map[string]map[string][]byte{"fetching x-f32.gguf": converted(t, "x-f32.gguf", "--type", "f32"), "writing": checkpoint(t)} {
		atHub(t, &testhub.Hub{Files: files})
		_, errs, code := pgcli(t, "tokenize", "a", "-hf", testhub.Repo+":f32")
		if code != 0 || strings.ContainsAny(errs, "\r\x1b") {
			t.Fatalf("%s: code %d, %q", what, code, errs)
		}
		var tenths []string
		for text := range strings.Lines(errs) {
			if m := line.FindStringSubmatch(strings.TrimSuffix(text, "\n")); m != nil && m[1] == what {
				tenths = append(tenths, m[2])
			}
		}
		if n := len(tenths); n < 2 || n > 11 || tenths[n-1] != "100" {
			t.Errorf("%s: %q at %q %%, want 2 to 11 lines up to 100 %%", what, errs, tenths)
		}
	}
}

// TestBranchMovesWhileConverting: a conversion of what arrives breaks off, then the branch
// moves. The same command takes the new commit whole; the old one goes on by its name.
func TestBranchMovesWhileConverting(t *testing.T) {
	later := checkpoint(t)
	for name, data := range later {
		if strings.HasSuffix(name, ".safetensors") {
			data[len(data)-2] ^= 1 // a weight, in its lowest bits
		}
	}
	folder := t.TempDir()
	for name, data := range later {
		path := filepath.Join(folder, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, data, 0o600))
	}
	want := map[string][]byte{}
	for source, revision := range map[string]string{folder: "", "../../testdata/oracle/pg1-a": "@" + testhub.Commit} {
		dst := filepath.Join(t.TempDir(), "x.gguf")
		_, errs, code := pgcli(t, "convert", source, "-o", dst, "--type", "f32", "--name", "x")
		data, err := os.ReadFile(dst)
		if want[revision] = data; code != 0 || err != nil {
			t.Fatal(errs)
		}
	}
	if bytes.Equal(want[""], want["@"+testhub.Commit]) {
		t.Fatal("the two commits convert to the same bytes: this test sees nothing")
	}
	for revision, right := range want {
		var asked atomic.Int32
		var broken atomic.Bool
		broken.Store(true)
		h := atHub(t, &testhub.Hub{Files: checkpoint(t), Later: later, Cut: 300 << 10, Fault: func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("commit") != "" {
				asked.Add(1)
			}
			if broken.Load() && asked.Load() > 4 {
				w.WriteHeader(http.StatusGone)
				return true
			}
			return false
		}})
		dst := filepath.Join(t.TempDir(), "x.gguf")
		command := func(revision string) (string, int) {
			_, errs, code := pgcli(t, "convert", "hf://"+testhub.Repo+revision, "-o", dst, "--type", "f32", "--name", "x")
			return errs, code
		}
		if errs, code := command(""); code != exitFailed || !strings.Contains(errs, "the same command goes on with it") {
			t.Fatalf("code %d, want that it broke off: %s", code, errs)
		}
		h.Move()
		broken.Store(false)
		before := len(h.Requests())
		if errs, code := command(revision); code != 0 {
			t.Fatalf("%q: code %d: %s", revision, code, errs)
		}
		if got, err := os.ReadFile(dst); err != nil || !bytes.Equal(got, right) {
			t.Errorf("%q: other bytes than of the commit's folder, %v", revision, err)
		}
		first := ""
		for _, r := range h.Requests()[before:] {
			if strings.HasPrefix(r, "cdn ") && !strings.Contains(r, "bytes=0-") && first == "" {
				first = r
			}
		}
		if goesOn := strings.Contains(first, "bytes="); goesOn != (revision != "") {
			t.Errorf("%q: the first transfer of weights is %q, want it to go on with the old commit alone", revision, first)
		}
	}
}
