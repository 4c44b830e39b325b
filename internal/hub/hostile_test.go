package hub_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
	"github.com/pgcli/paligemma/internal/testlink"
)

// TestHostileRedirects: an address that is no web page is not asked, and not tried again; no
// other host learns the token or where the request came from, whatever is on the way.
func TestHostileRedirects(t *testing.T) {
	for _, to := range []string{"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "data:text/plain,x", "/loop"} {
		asked := 0
		_, client := start(t, &testhub.Hub{Files: map[string][]byte{big: content(1000)}, Fault: func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/resolve/") && r.URL.Path != "/loop" {
				return false
			}
			asked++
			http.Redirect(w, r, to, http.StatusFound)
			return true
		}})
		if _, err := fetch(t.Context(), client); err == nil || !strings.Contains(err.Error(), "is not followed") || errors.Is(err, hub.ErrNetwork) {
			t.Errorf("%s: error is %v, want that it is not followed", to, err)
		}
		if asked > 11 {
			t.Errorf("%s: asked %d times", to, asked)
		}
	}
	var private atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private.Add(1)
		for _, name := range []string{"Authorization", "Referer", "Cookie"} {
			if got := r.Header.Get(name); got != "" {
				t.Errorf("another host gets %s: %q", name, got)
			}
		}
		http.Redirect(w, r, "http://"+strings.Replace(r.Host, "127.0.0.1", "localhost", 1)+"/secret", http.StatusTemporaryRedirect)
		if r.URL.Path == "/secret" {
			_, _ = io.WriteString(w, "a secret of another host")
		}
	}))
	defer other.Close()
	h, client := start(t, &testhub.Hub{Gated: true, Token: "hf_secret", Files: map[string][]byte{big: content(1000)}, Fault: func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/"+testhub.OID(big, content(1000))) {
			return false
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		http.Redirect(w, r, other.URL, http.StatusFound)
		return true
	}})
	if _, err := fetch(t.Context(), client); err == nil || private.Load() == 0 {
		t.Errorf("error is %v after %d requests to another host", err, private.Load())
	}
	if files, _ := filepath.Glob(filepath.Join(client.Cache, "models--maker--model", "snapshots", "*", "*")); len(files) > 0 {
		t.Errorf("files: %q of %s", files, h.URL)
	}
}

// TestHostileLists: lists without an end, of too many files, of lengths that are not true, and
// of values that take much memory end soon, and take little.
func TestHostileLists(t *testing.T) {
	entry := `{"type":"file","path":"a","size":1,"oid":"` + strings.Repeat("a", 40) + `"}`
	endless := func(w http.ResponseWriter, text string) (sent int) {
		for range 1 << 20 {
			n, err := io.WriteString(w, strings.Repeat(text, 1000))
			if sent += n; err != nil {
				break
			}
		}
		return sent
	}
	for name, c := range map[string]struct {
		path   string // of the request that is answered otherwise
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		"endless":          {"/tree/", func(w http.ResponseWriter, r *http.Request) { endless(w, "[") }, "the list of files has more than"},
		"endless revision": {"/revision/", func(w http.ResponseWriter, r *http.Request) { endless(w, " ") }, "the list of files has more than"},
		"nothing": {"/tree/", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "["+strings.Repeat("{},", 2<<20)+"{}]")
		}, ""},
		"nested licence": {"/revision/", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"sha":"%s","cardData":{"license":[%s[]]}}`, testhub.Commit, strings.Repeat("[],", 2<<20))
		}, ""},
		"too many": {"/tree/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", `</api/models/maker/model/tree/x?cursor=1>; rel="next"`)
			_, _ = io.WriteString(w, "["+strings.Repeat(entry+",", 60_000)+entry+"]")
		}, "more than 100000 files"},
		"the same page again": {"/tree/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+r.URL.String()+`>; rel="next"`)
			_, _ = io.WriteString(w, "["+entry+"]")
		}, "more than 100 pages"},
		"shorter than said": {"/tree/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "8000000")
			_, _ = io.WriteString(w, "[")
		}, "unexpected EOF"},
		"a file of all disks": {"/tree/", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "["+strings.Replace(entry, `"size":1`, `"size":9223372036854775807`, 1)+"]")
		}, "is refused"},
	} {
		t.Run(name, func(t *testing.T) {
			_, client := start(t, &testhub.Hub{Fault: func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, c.path) {
					return false
				}
				c.answer(w, r)
				return true
			}})
			client.Stalled = time.Minute
			runtime.GC()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			s, err := client.Snapshot(t.Context(), testhub.Repo, "main")
			runtime.ReadMemStats(&now)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
			if err == nil {
				s.Close()
			}
			if grown := int64(now.HeapSys) - int64(before.HeapSys); grown > 100<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
		})
	}
}

// TestHostilePaths: names that lead out of their folder on some system, or that a terminal obeys.
func TestHostilePaths(t *testing.T) {
	for _, path := range []string{"", ".", "/x", "../x", "a/../../x", "a//x", "a/./x", `..\x`, `C:\x`, "c:x", "x:stream", "a/", "a/.. /x", "con.", "x ", "a\x1b[2Jb", "a\rb", "a\nb", "a\x00b", "\u202egpj.exe", "a\u009bb"} {
		_, client := start(t, &testhub.Hub{Files: map[string][]byte{path: []byte("x")}})
		if _, err := client.Snapshot(t.Context(), testhub.Repo, "main"); err == nil || !strings.Contains(err.Error(), "is refused") || strings.ContainsAny(err.Error(), "\x1b\r\x00") {
			t.Errorf("%q: error is %v", path, err)
		}
	}
	_, client := start(t, &testhub.Hub{Files: map[string][]byte{"é x/.hidden/model..gguf": []byte("x")}})
	if _, err := fetch(t.Context(), client); err != nil {
		t.Error(err)
	}
}

// TestPlantedLinks: links in a cache that others write to lead no file out of it.
func TestPlantedLinks(t *testing.T) {
	for _, plant := range []string{"snapshots", "snapshots/" + testhub.Commit, "snapshots/" + testhub.Commit + "/sub", "refs", "refs/main", "blobs/" + testhub.OID("config.json", []byte("{}\n")) + ".pgcli.partial"} {
		_, client := start(t, &testhub.Hub{Revisions: []string{"work/branch"}})
		outside := t.TempDir()
		victims := []string{"config.json", "main", testhub.Commit + "/config.json", "sub/dir/x.gguf", "dir/x.gguf"}
		for _, v := range victims {
			if err := errors.Join(os.MkdirAll(filepath.Join(outside, filepath.Dir(v)), 0o700), os.WriteFile(filepath.Join(outside, v), []byte("mine"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		at := filepath.Join(client.Cache, "models--maker--model", plant)
		to, replaced := outside, false
		switch {
		case strings.HasSuffix(plant, ".partial"):
			to = filepath.Join(outside, "config.json")
		case plant == "refs/main": // itself, by a file
			to, replaced = filepath.Join(outside, "main"), true
		}
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		testlink.Make(t, to, at)
		if _, err := fetch(t.Context(), client); (err == nil) != replaced {
			t.Errorf("%s: error %v", plant, err)
		}
		for _, v := range victims {
			info, err := os.Lstat(filepath.Join(outside, v))
			data, err2 := os.ReadFile(filepath.Join(outside, v))
			if err != nil || err2 != nil || !info.Mode().IsRegular() || string(data) != "mine" {
				t.Errorf("%s: %s outside of the cache is changed", plant, v)
			}
		}
	}
}
