package newfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pgcli/paligemma/internal/testlink"
)

// TestAbandonedFilesAreRemoved: Create removes what runs left that were killed, and
// nothing that a living process writes or that has another name.
func TestAbandonedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.gguf")
	kept := []string{"x.gguf.partial", "x.gguf.abcdefgh.partial", "x.gguf.ABCDEFG.partial", "x.gguf.ABCDEFGH", "y.gguf.ABCDEFGH.partial"}
	for _, name := range kept {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	abandoned := filepath.Join(dir, "x.gguf.ABCDEF27.partial")
	must(t, os.WriteFile(abandoned, []byte("half"), 0o600))
	living := start(t, path, "first", true)
	if want := []string{abandoned}; !slices.Equal(living.Removed(), want) {
		t.Errorf("removed %q, want %q", living.Removed(), want)
	}
	second := start(t, path, "second", true)
	if len(second.Removed()) > 0 {
		t.Errorf("removed %q, which a living process writes", second.Removed())
	}
	must(t, living.Commit())
	must(t, second.Close())
	holds(t, path, "first")
	kept = append(kept, "x.gguf")
	slices.Sort(kept)
	if got := left(t, dir); got != strings.Join(kept, " ") {
		t.Errorf("left %s, want %q", got, kept)
	}
	link := filepath.Join(dir, "x.gguf.LINKLINK.partial")
	testlink.Make(t, "x.gguf.partial", link)
	must(t, start(t, path, "third", true).Close())
	if _, err := os.Lstat(link); err != nil {
		t.Errorf("the link: %v", err)
	}
}

// TestManyWritersOfOneFile: writers that start and end at once never remove each
// other's temporary files; each commit is whole.
func TestManyWritersOfOneFile(t *testing.T) {
	replacesOpen(t) // one writer's file has its name shortly before it is closed
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				f, err := Create(path, true)
				if err == nil {
					_, err = f.WriteString("whole")
				}
				if err == nil {
					err = f.Commit()
				}
				if err := errors.Join(err, f.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	holds(t, path, "whole")
	if got := left(t, dir); got != "x" {
		t.Errorf("left: %s", got)
	}
}

// TestLockTakesOneAtATime: Lock keeps what a file holds, refuses a second writer and those
// who share, and
// follows no link.
func TestLockTakesOneAtATime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.partial")
	must(t, os.WriteFile(path, []byte("half"), 0o600))
	f, err := Lock(path)
	must(t, err)
	if _, err := Lock(path); !errors.Is(err, ErrBusy) {
		t.Errorf("a second lock: %v, want %v", err, ErrBusy)
	}
	must(t, f.Close())
	holds(t, path, "half")
	again, err := Lock(path)
	must(t, err)
	must(t, again.Close())
	one, err := Share(path)
	must(t, err)
	two, err := Share(path)
	must(t, err)
	must(t, one.Close())
	if _, err := Lock(path); !errors.Is(err, ErrBusy) {
		t.Errorf("a lock beside one that shares: %v, want %v", err, ErrBusy)
	}
	must(t, two.Close())
	alone, err := Lock(path)
	must(t, err)
	if _, err := Share(path); !errors.Is(err, ErrBusy) {
		t.Errorf("sharing beside a lock: %v, want %v", err, ErrBusy)
	}
	must(t, alone.Close())
	for _, to := range []string{"x.partial", "nowhere"} {
		link := filepath.Join(dir, "link")
		testlink.Make(t, to, link)
		if _, err := Lock(link); err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("a link to %s: %v", to, err)
		}
		must(t, os.Remove(link))
	}
	if got := left(t, dir); got != "x.partial" {
		t.Errorf("left: %s", got)
	}
}

// TestInputSeesThroughLinks guards against an output that is an input by another name.
func TestInputSeesThroughLinks(t *testing.T) {
	dir := t.TempDir()
	in, hard, soft, other := filepath.Join(dir, "in"), filepath.Join(dir, "hard"), filepath.Join(dir, "soft"), filepath.Join(dir, "other")
	must(t, os.WriteFile(in, nil, 0o600))
	must(t, os.WriteFile(other, nil, 0o600))
	must(t, os.Link(in, hard))
	testlink.Make(t, "in", soft)
	for path, want := range map[string]string{in: in, hard: in, soft: in, other: "", filepath.Join(dir, "none"): ""} {
		if got := Input(path, "", filepath.Join(dir, "nothing"), in); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// TestAbandoned: a file that is there and that nobody has locked. None is made.
func TestAbandoned(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	if Abandoned(name) {
		t.Error("no file is abandoned")
	}
	if _, err := os.Lstat(name); err == nil {
		t.Error("a file was made")
	}
	f, err := Lock(name)
	must(t, err)
	if Abandoned(name) {
		t.Error("a file that is locked is abandoned")
	}
	must(t, f.Close())
	if !Abandoned(name) {
		t.Error("a file that nobody has locked is not abandoned")
	}
}
