package hub_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
)

// TestBranchMovesMeanwhile: a branch that moves while a model is fetched. Who has begun gets
// the old commit whole, who comes later the new one, and no file is of two.
func TestBranchMovesMeanwhile(t *testing.T) {
	other := bytes.Clone(content(300_000))
	other[299_999] ^= 1 // the start is the same
	later := map[string][]byte{"config.json": []byte("{ }\n"), big: other}
	for _, when := range []string{"/tree/", "/resolve/", "cdn"} {
		var h *testhub.Hub
		h = &testhub.Hub{Files: map[string][]byte{"config.json": []byte("{}\n"), big: content(300_000)}, Later: later, Cut: 100_000, Fault: func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, when) || when == "cdn" && r.URL.Query().Get("commit") != "" {
				h.Move()
			}
			return false
		}}
		_, client := start(t, h)
		wants := func(commit string, files map[string][]byte) {
			t.Helper()
			for name, want := range files {
				if got, err := os.ReadFile(filepath.Join(client.Cache, "models--maker--model", "snapshots", commit, name)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("moved at %s: %s of %s has other bytes, %v", when, name, commit, err)
				}
			}
		}
		if _, err := fetch(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		wants(testhub.Commit, h.Files)
		if _, err := fetch(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		wants(testhub.Commit, h.Files)
		wants(testhub.NextCommit, later)
	}
}

// TestBranchMovesBetweenTries: half of a file is fetched, then the branch moves. The next call
// takes the new commit whole; the old one goes on by its name.
func TestBranchMovesBetweenTries(t *testing.T) {
	other := bytes.Clone(content(300_000))
	other[299_999] ^= 1
	h, client := start(t, &testhub.Hub{Files: map[string][]byte{big: content(300_000)}, Later: map[string][]byte{big: other}, Slow: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	client.Progress = func(string, int64, int64) { cancel() }
	if _, err := fetch(ctx, client); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	client.Progress = nil
	h.Move()
	for commit, want := range map[string][]byte{testhub.NextCommit: other, testhub.Commit: h.Files[big]} {
		revision := commit
		if commit == testhub.NextCommit {
			revision = "main"
		}
		s := snapshot(t, client, revision)
		paths, err := s.Get(t.Context(), big)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(paths[0]); err != nil || !bytes.Equal(got, want) || s.Commit != commit {
			t.Errorf("%s: commit %s, other bytes, or %v", revision, s.Commit, err)
		}
	}
	resumed := false
	for _, r := range h.Requests() {
		resumed = resumed || strings.HasPrefix(r, "cdn /"+testhub.OID(big, h.Files[big])) && strings.Contains(r, "bytes=")
	}
	if !resumed {
		t.Errorf("the old commit does not go on where it stopped: %q", h.Requests())
	}
}

// TestAnotherCommitThanAskedFor: a hub that answers a commit with another one is not believed.
func TestAnotherCommitThanAskedFor(t *testing.T) {
	_, client := start(t, &testhub.Hub{Fault: func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/revision/") {
			return false
		}
		_, _ = w.Write([]byte(`{"sha":"` + testhub.NextCommit + `"}`))
		return true
	}})
	if _, err := client.Snapshot(t.Context(), testhub.Repo, testhub.Commit); err == nil || !strings.Contains(err.Error(), "is commit") {
		t.Errorf("error is %v", err)
	}
}

// TestLinkChangesMeanwhile: a file without a hash that changes between two transfers is an
// error, and the next call has the new one. Where a hash is known, odd versions do not matter.
func TestLinkChangesMeanwhile(t *testing.T) {
	old, now := content(200_000), bytes.Repeat([]byte("x"), 200_000)
	for _, header := range []string{"ETag", "Last-Modified"} {
		sent := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "bytes=0-0" {
				w.Header().Set("Content-Range", "bytes 0-0/200000")
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(old[:1])
				return
			}
			data, version := now, `W/"new`
			if sent++; sent == 1 {
				data, version = old, "\t\"old,\""
			}
			w.Header().Set(header, version)
			if sent > 1 {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
				return
			}
			w.Header().Set("Content-Length", "200000")
			_, _ = w.Write(data[:100_000])
			panic(http.ErrAbortHandler)
		}))
		client := &hub.Hub{Cache: t.TempDir(), Wait: time.Millisecond}
		dst := filepath.Join(client.Cache, "file")
		if err := client.Fetch(t.Context(), hub.Link{URL: server.URL + "/file"}, dst); !errors.Is(err, hub.ErrHash) || !strings.Contains(err.Error(), "changed on the server") {
			t.Errorf("%s: error is %v", header, err)
		}
		if _, err := os.Stat(dst); err == nil {
			t.Errorf("%s: a file of two versions has its name", header)
		}
		if err := client.Fetch(t.Context(), hub.Link{URL: server.URL + "/file"}, dst); err != nil {
			t.Errorf("%s, again: %v", header, err)
		}
		if got, err := os.ReadFile(dst); err != nil || !bytes.Equal(got, now) {
			t.Errorf("%s: other bytes than the new ones, %v", header, err)
		}
		server.Close()
	}
}

// TestOddVersionsOfTheHub: its ETags are not used, as hashes decide.
func TestOddVersionsOfTheHub(t *testing.T) {
	var n atomic.Int32
	h, client := start(t, &testhub.Hub{Cut: 100_000, Fault: func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("X-Linked-Etag", strings.Repeat("z", int(n.Add(1))))
		w.Header().Set("X-Linked-Size", "-1")
		w.Header().Set("Date", "Fri, 31 Dec 9999 23:59:59 GMT")
		w.Header().Set("Age", "-5")
		return false
	}})
	if _, err := fetch(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	whole(t, h, client)
}

// TestDamagedRefs: whatever a ref of the cache holds, offline it is a commit or an error that
// names the file; the Hub's answer replaces it.
func TestDamagedRefs(t *testing.T) {
	h, client := start(t, &testhub.Hub{})
	if _, err := fetch(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	ref := filepath.Join(client.Cache, "models--maker--model", "refs", "main")
	for text, want := range map[string]string{
		testhub.Commit + "\r\n": "", "": "want a commit", "\n": "want a commit", testhub.Commit + "\n" + testhub.Commit: "want a commit",
		"../../../etc": "want a commit", strings.Repeat("a", 39) + "\x1b": "want a commit", strings.Repeat("a", 40): "has no files of commit", strings.Repeat("a", 2000): "is not in the cache",
	} {
		if err := os.WriteFile(ref, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		client.Offline = true
		s, err := client.Snapshot(t.Context(), testhub.Repo, "main")
		if s != nil {
			s.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %q", text, err, want)
		}
		client.Offline = false
		if _, err := fetch(t.Context(), client); err != nil {
			t.Errorf("%q, online: %v", text, err)
		}
		whole(t, h, client)
	}
}
