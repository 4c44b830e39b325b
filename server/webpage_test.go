package server

import (
	"net/http"
	"strings"
	"testing"
)

// TestPage wants the page without a key, for browsers of this machine alone, and an
// error in the usual form for a file that it has not.
func TestPage(t *testing.T) {
	s := serve(t, Options{Keys: []string{"sesame"}})
	w, body := s.send("GET", "/", nil)
	if w.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), "<!doctype html>") || w.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("GET /: status %d, %.60q", w.StatusCode, body)
	}
	for _, c := range []struct {
		method, path string
		want         int
		headers      []string
	}{
		{"HEAD", "/", 200, nil}, {"GET", "/page/page.js", 200, nil}, {"GET", "/page/none.js", 404, nil}, {"GET", "/page/page.go", 404, nil},
		{"GET", "/page/..%2froutes.go", 404, nil}, {"POST", "/", 401, nil}, {"POST", "/", 405, []string{"Authorization", "Bearer sesame"}},
		{"GET", "/", 403, []string{"Host", "evil.example"}}, {"GET", "/props", 401, nil},
	} {
		if w, body := s.send(c.method, c.path, nil, c.headers...); w.StatusCode != c.want {
			t.Errorf("%s %s %v: status %d, want %d: %.200s", c.method, c.path, c.headers, w.StatusCode, c.want, body)
		}
	}
}

// TestSeveralMasks asks for masks in two forms at once.
func TestSeveralMasks(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	var one, other, both struct{ Objects []struct{ Mask mask } }
	find := func(masks string, out any) {
		s.post("/v1/segment", map[string]any{"image": dataURI(file), "labels": []string{"cross"}, "masks": masks}, 200, out)
	}
	find("rle", &one)
	find("polygon", &other)
	find("polygon,rle", &both)
	if len(both.Objects) != 1 || both.Objects[0].Mask.RLE == nil || both.Objects[0].Mask.RLE.Counts != one.Objects[0].Mask.RLE.Counts ||
		len(both.Objects[0].Mask.Polygons) == 0 || len(both.Objects[0].Mask.Polygons) != len(other.Objects[0].Mask.Polygons) {
		t.Errorf("masks in both forms are %+v, want those of each", both.Objects)
	}
	for _, masks := range []string{"none,rle", "rle,", "rle polygon", "svg"} {
		s.post("/v1/segment", map[string]any{"image": dataURI(file), "labels": []string{"cross"}, "masks": masks}, 400, nil)
	}
}
