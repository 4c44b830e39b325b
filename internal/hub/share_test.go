package hub_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testhub"
)

var python = flag.String("python", "", "Python with huggingface_hub, for TestHuggingfaceHub")

// TestHuggingfaceHub: huggingface_hub reads the cache that we wrote, and we the one that it
// wrote; neither fetches a file again.
func TestHuggingfaceHub(t *testing.T) {
	if *python == "" {
		t.Skip("needs huggingface_hub: make test-hub PYTHON=python")
	}
	h, ours := start(t, &testhub.Hub{})
	var want []string
	for name, data := range h.Files {
		want = append(want, fmt.Sprintf("%s %d %x", name, len(data), sha256.Sum256(data)))
	}
	slices.Sort(want)
	share := func(cache string, more ...string) {
		t.Helper()
		cmd := exec.Command(*python, append([]string{"../../scripts/hub/share.py", h.URL, cache}, more...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		got := strings.Split(strings.TrimSpace(string(out)), "\n")
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v %q: got %q, want %q, %v\n%s", cmd, more, got, want, err, &stderr)
		}
	}
	fetched := func(since int) (n int) {
		for _, r := range h.Requests()[since:] {
			if strings.HasPrefix(r, "cdn ") {
				n++
			}
		}
		return n
	}
	if _, err := fetch(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	at := len(h.Requests())
	share(ours.Cache, "--local")
	share(ours.Cache)
	if n := fetched(at); n != 0 {
		t.Errorf("huggingface_hub fetches %d files again", n)
	}
	theirs := *ours
	theirs.Cache = t.TempDir()
	at = len(h.Requests())
	share(theirs.Cache)
	if fetched(at) == 0 {
		t.Error("huggingface_hub fetched nothing into an empty cache")
	}
	at = len(h.Requests())
	if _, err := fetch(t.Context(), &theirs); err != nil {
		t.Fatal(err)
	}
	if n := fetched(at); n != 0 {
		t.Errorf("we fetch %d files again", n)
	}
	whole(t, h, &theirs)
	theirs.Offline = true
	if paths, err := fetch(t.Context(), &theirs); err != nil || len(paths) != len(want) {
		t.Errorf("offline: %q, %v", paths, err)
	}
}
