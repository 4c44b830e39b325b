package hub

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// TestOneLinkOfManyProcesses: whoever has placed a link finds it there from then on, whatever
// others do that place it, too, and whatever was there before.
func TestOneLinkOfManyProcesses(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links may be files there")
	}
	h := &Hub{Cache: t.TempDir()}
	s := &Snapshot{hub: h, Repo: "maker/model", Commit: "c"}
	link := filepath.Join(s.dir(), "sub", "file")
	blob, other := filepath.Join(h.folder(s.Repo), "blobs", "right"), filepath.Join(h.folder(s.Repo), "blobs", "other")
	for _, dir := range []string{filepath.Dir(blob), filepath.Dir(link)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{blob, other} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for before, prepare := range map[string]func() error{
		"nothing":            func() error { return nil },
		"a link elsewhere":   func() error { return os.Symlink(other, link) },
		"a link to nothing":  func() error { return os.Symlink("gone", link) },
		"a file":             func() error { return os.WriteFile(link, nil, 0o600) },
		"the link as wanted": func() error { return s.point("sub/file", blob) },
	} {
		for range 50 {
			if err := prepare(); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if err := s.point("sub/file", blob); err != nil {
						t.Errorf("after %s: %v", before, err)
					}
					if data, err := os.ReadFile(link); err != nil || string(data) != blob {
						t.Errorf("after %s the link leads to %q, %v", before, data, err)
					}
				})
			}
			all.Wait()
			if err := os.Remove(link); err != nil {
				t.Fatal(err)
			}
		}
	}
	if left, err := filepath.Glob(filepath.Join(h.folder(s.Repo), "link-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
