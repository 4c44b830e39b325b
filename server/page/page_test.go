package page

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// TestServe wants each file with its type, the policy, and no second time if the
// browser has it.
func TestServe(t *testing.T) {
	for name, kind := range map[string]string{Index: "text/html", "page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml", "scene-75.jpg": "image/jpeg"} {
		get := func(tag string) *http.Response {
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
			r.Header.Set("If-None-Match", tag)
			if err := Serve(w, r, name); err != nil {
				t.Fatal(err)
			}
			return w.Result()
		}
		first := get("")
		if got := first.Header.Get("Content-Type"); first.StatusCode != http.StatusOK || !strings.HasPrefix(got, kind) {
			t.Errorf("%s: status %d and type %q, want 200 and %s", name, first.StatusCode, got, kind)
		}
		if got := first.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none';") || strings.Contains(got, "unsafe") {
			t.Errorf("%s: policy %q", name, got)
		}
		if got := get(first.Header.Get("ETag")).StatusCode; got != http.StatusNotModified {
			t.Errorf("%s: status %d for a browser that has it, want 304", name, got)
		}
	}
	for _, name := range []string{"", ".", "page.go", "..", "../routes.go", "/etc/passwd", "none.js"} {
		w := httptest.NewRecorder()
		if err := Serve(w, httptest.NewRequest("GET", "/", nil), name); err == nil || w.Body.Len() > 0 {
			t.Errorf("file %q: error %v and %d bytes, want an error and none", name, err, w.Body.Len())
		}
	}
	if err := Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), "none.js"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}

// TestOffline wants all that the page names to be among its files, and nothing of
// another host; the policy would refuse what is written into the HTML.
func TestOffline(t *testing.T) {
	entries, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{Index: true}
	quoted := regexp.MustCompile(`["'(/]([\w-]+\.(?:js|css|svg|jpg))["')` + "`" + `]`)
	other := regexp.MustCompile(`https?://[^"'\s]+`)
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Name(), ".jpg") {
			continue
		}
		for _, m := range quoted.FindAllSubmatch(data, -1) {
			used[string(m[1])] = true
		}
		for _, url := range other.FindAllString(string(data), -1) {
			if url != "http://www.w3.org/2000/svg" { // a name, not an address
				t.Errorf("%s names %s: the page works offline", e.Name(), url)
			}
		}
		if n := bytes.Count(data, []byte("\n")); n > 250 {
			t.Errorf("%s has %d lines, want at most 250", e.Name(), n)
		}
	}
	for _, e := range entries {
		if !used[e.Name()] {
			t.Errorf("%s is used nowhere", e.Name())
		}
	}
	html, err := files.ReadFile(Index)
	if err != nil {
		t.Fatal(err)
	}
	if bad := regexp.MustCompile(`(?i) style=| on\w+=|<style|<script(?: type="module" src="[^"]+")?>[^<]`).Find(html); bad != nil {
		t.Errorf("the policy refuses %q in the HTML", bad)
	}
}
