package hub_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
)

// TestRevisions: branches, tags, commits and pull requests, also of a mirror whose address
// has a path, and each of them offline.
func TestRevisions(t *testing.T) {
	h, client := start(t, &testhub.Hub{Base: "/mirror/hf", Revisions: []string{"refs/pr/1", "v1.0", "work/branch"}})
	client.Endpoint += h.Base
	revisions := append([]string{"main", testhub.Commit}, h.Revisions...)
	for _, offline := range []bool{false, true} {
		client.Offline = offline
		for _, revision := range revisions {
			s := snapshot(t, client, revision)
			if s.Commit != testhub.Commit || len(s.Files) != len(h.Files) {
				t.Fatalf("%s, offline %v: %+v", revision, offline, s)
			}
			if _, err := s.Get(t.Context(), "config.json", "empty.txt", big, "sub/dir/x.gguf"); err != nil {
				t.Errorf("%s, offline %v: %v", revision, offline, err)
			}
		}
	}
	for _, name := range []string{"main", "refs/pr/1", "v1.0", "work/branch"} { // as huggingface_hub names them
		ref := filepath.Join(client.Cache, "models--maker--model", "refs", filepath.FromSlash(name))
		if got, err := os.ReadFile(ref); err != nil || string(got) != testhub.Commit {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
}

// TestCacheWithoutLinks: where huggingface_hub may make no links, as on Windows without its
// developer mode, files lie in the snapshot alone. They are used, and not fetched again.
func TestCacheWithoutLinks(t *testing.T) {
	h, client := start(t, &testhub.Hub{})
	dir := filepath.Join(client.Cache, "models--maker--model")
	for name, data := range h.Files {
		path := filepath.Join(dir, "snapshots", testhub.Commit, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, data, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := fetch(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for _, r := range h.Requests() {
		if strings.Contains(r, "/resolve/") {
			t.Errorf("%q: fetched again", r)
		}
	}
	all, err := client.Cached()
	if err != nil || len(all) != 1 || all[0].Bytes < 370_000 {
		t.Errorf("cached: %+v, %v", all, err)
	}
}

// TestOfflineWithoutAFile: the Hub may have what the cache lacks, so nobody says that it has not.
func TestOfflineWithoutAFile(t *testing.T) {
	_, client := start(t, &testhub.Hub{})
	if _, err := snapshot(t, client, "main").Get(t.Context(), "config.json"); err != nil {
		t.Fatal(err)
	}
	client.Offline = true
	if _, err := snapshot(t, client, "main").Get(t.Context(), big); !errors.Is(err, hub.ErrOffline) || errors.Is(err, hub.ErrNotFound) {
		t.Errorf("error is %v, want that it is not in the cache", err)
	}
}

// TestRemoveWhatIsFetched: a model is not taken away from under a process that fetches it.
func TestRemoveWhatIsFetched(t *testing.T) {
	h, client := start(t, &testhub.Hub{Slow: 20 * time.Millisecond, Files: map[string][]byte{big: content(2 << 20)}})
	progress := make(chan struct{}, 1)
	client.Progress = func(string, int64, int64) {
		select {
		case progress <- struct{}{}:
		default:
		}
	}
	done, used := make(chan error, 1), make(chan *hub.Snapshot, 1)
	go func() {
		s, err := client.Snapshot(t.Context(), testhub.Repo, "main")
		if err == nil {
			_, err = s.Get(t.Context(), big)
		}
		used <- s
		done <- err
	}()
	<-progress
	refused := func(when string) {
		t.Helper()
		if _, err := client.Alone(testhub.Repo); !errors.Is(err, hub.ErrInUse) {
			t.Errorf("%s: error is %v, want %v", when, err, hub.ErrInUse)
		}
	}
	refused("while it is fetched")
	s := <-used
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	refused("while it is read")
	s.Close()
	whole(t, h, client)
	release, err := client.Alone(testhub.Repo)
	if err != nil {
		t.Fatal(err)
	}
	waiting, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := client.Snapshot(waiting, testhub.Repo, "main"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("used while it is removed: error is %v", err)
	}
	defer release()
	if err := client.Remove(testhub.Repo); err != nil {
		t.Error(err)
	}
	if err := client.Remove(testhub.Repo); !errors.Is(err, hub.ErrOffline) {
		t.Errorf("twice: error is %v", err)
	}
}

// TestCheck: what cannot be asked with is named, without a secret in the message.
func TestCheck(t *testing.T) {
	for _, c := range []struct{ endpoint, token, want string }{
		{hub.DefaultEndpoint, "hf_abc", ""},
		{"http://127.0.0.1:8000/mirror/hf", "", ""},
		{"huggingface.co", "", `HF_ENDPOINT "huggingface.co" is no address of a server`},
		{"ftp://host", "", "is no address of a server"},
		{"https://", "", "is no address of a server"},
		{"https://user:secret@host", "", "has a user"},
		{"user:secret@host", "", "is no address of a server"},
		{"https://host?token=secret", "", "has a user, a query"},
		{hub.DefaultEndpoint, "hf_secret\x00", "not all of which a token may have"},
		{hub.DefaultEndpoint, "hf_secret hf_two", "not all of which a token may have"},
		{hub.DefaultEndpoint, "hf_secrét", "not all of which a token may have"},
	} {
		err := (&hub.Hub{Endpoint: c.endpoint, Token: c.token}).Check()
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q, token %q: %v, want %q", c.endpoint, c.token, err, c.want)
		case err != nil && strings.Contains(err.Error(), "secr"):
			t.Errorf("%v: has the secret", err)
		}
	}
	for _, token := range []string{"hf_x\n", "\r\nhf_x\r\n", " hf_x ", "hf_\nx"} {
		if got := hub.CleanToken(token); got != "hf_x" {
			t.Errorf("%q is read as %q, want hf_x", token, got)
		}
	}
}
