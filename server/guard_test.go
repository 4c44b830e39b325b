package server

import (
	"strings"
	"testing"
)

// TestKeys: every route but health wants one of the keys.
func TestKeys(t *testing.T) {
	s := serve(t, Options{Keys: []string{"first", "second"}})
	for _, r := range routes {
		path := strings.NewReplacer("{model}", "tiny", "{$}", "").Replace(r.path)
		for given, ok := range map[string]bool{"": r.open, "Bearer wrong": r.open, "Bearer ": r.open, "first": r.open, "Bearer first": true, "bearer second": true, "Basic dTpmaXJzdA==": true, "Basic dTp3cm9uZw==": r.open} {
			w, body := s.send(r.method, path, []byte("{}"), "Authorization", given)
			if (w.StatusCode != 401) != ok {
				t.Errorf("%s with %q: status %d: %s", path, given, w.StatusCode, body)
			}
			if w.StatusCode == 401 && w.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no WWW-Authenticate", path)
			}
		}
	}
	if w, _ := s.send("GET", "/none", nil); w.StatusCode != 401 {
		t.Errorf("a path that is none tells so without a key: %d", w.StatusCode)
	}
}

// TestHosts: a name that the server does not know may be a page's.
func TestHosts(t *testing.T) {
	s := serve(t, Options{Hosts: []string{"pictures.example"}})
	for host, want := range map[string]int{"": 200, "localhost": 200, "LOCALHOST:1": 200, "localhost.": 200, "127.0.0.1:9": 200, "[::1]:9": 200, "192.168.1.7": 200,
		"pictures.example:80": 200, "Pictures.Example": 200, "evil.example": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "pictures.example.evil": 403} {
		if w, body := s.send("GET", "/health", nil, "Host", host); w.StatusCode != want {
			t.Errorf("host %q: status %d, want %d: %s", host, w.StatusCode, want, body)
		}
	}
}

// TestOrigins: a page of another origin may call nothing, and reads nothing, unless it
// is allowed.
func TestOrigins(t *testing.T) {
	s := serve(t, Options{Origins: []string{"https://good.example"}})
	for origin, ok := range map[string]bool{"": true, "https://good.example": true, "https://evil.example": false, "http://good.example": false, "null": false} {
		headers := []string{"Content-Type", "text/plain"}
		if origin != "" {
			headers = append(headers, "Origin", origin, "Sec-Fetch-Site", "cross-site")
		}
		w, body := s.send("POST", "/detokenize", []byte("{}"), headers...)
		if (w.StatusCode == 200) != ok || !ok && w.StatusCode != 403 {
			t.Errorf("origin %q: status %d: %s", origin, w.StatusCode, body)
		}
		if got, want := w.Header.Get("Access-Control-Allow-Origin") != "", ok && origin != ""; got != want {
			t.Errorf("origin %q: allowed %v, want %v", origin, got, want)
		}
	}
	w, _ := s.send("OPTIONS", "/v1/detect", nil, "Origin", "https://good.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-one")
	if w.StatusCode != 204 || w.Header.Get("Access-Control-Allow-Headers") != "x-one" {
		t.Errorf("preflight: %d %v", w.StatusCode, w.Header)
	}
	w, _ = s.send("OPTIONS", "/v1/detect", nil, "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	if w.StatusCode == 204 || w.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of another origin: %d %v", w.StatusCode, w.Header)
	}
	open := serve(t, Options{})
	if w, _ := open.send("GET", "/health", nil, "Origin", "https://evil.example"); w.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("without origins one is allowed")
	}
}

// TestLogs hold prompts only if asked for, and never pictures or keys.
func TestLogs(t *testing.T) {
	for _, prompts := range []bool{false, true} {
		s := serve(t, Options{LogPrompts: prompts, Keys: []string{"verysecret"}})
		file := scene(t, "05")
		for _, prompt := range []string{"answer en is there a pink star?", "<bos>pink"} {
			data := []byte(`{"model":"tiny","prompt":"` + prompt + `","images":["` + dataURI(file) + `"]}`)
			s.send("POST", "/api/generate?secret=pink", data, "Authorization", "Bearer verysecret")
		}
		log := s.log.String()
		if strings.Contains(log, "pink") != prompts || strings.Contains(log, "verysecret") || strings.Contains(log, dataURI(file)[40:80]) || strings.Count(log, "msg=request") != 2 {
			t.Errorf("log with prompts %v:\n%s", prompts, log)
		}
	}
}
