package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestHostileRequests are refused with a status of their own, and the server goes on.
func TestHostileRequests(t *testing.T) {
	s, file := serve(t, Options{MaxBody: 1 << 20}), scene(t, "05")
	deep := strings.Repeat("[", 1<<17)
	body, kind := form(t, file, "labels", "cross", "labels", "x", "masks", "none", "secret", "1")
	for name, test := range map[string]struct {
		path, kind string
		body       []byte
		want       int
	}{
		"big":           {"/v1/chat/completions", "", bytes.Repeat([]byte(" "), 1<<20+1), 413},
		"empty":         {"/v1/chat/completions", "", nil, 400},
		"garbage":       {"/v1/chat/completions", "", []byte("\x00\xff{"), 400},
		"array":         {"/v1/chat/completions", "", []byte("[]"), 400},
		"deep":          {"/v1/chat/completions", "", []byte(`{"messages":` + deep), 400},
		"two":           {"/v1/detect", "", []byte(`{}{}`), 400},
		"type":          {"/v1/chat/completions", "", []byte(`{"messages":"x"}`), 400},
		"null":          {"/v1/chat/completions", "", []byte(`null`), 400},
		"nulls":         {"/v1/chat/completions", "", []byte(`{"messages":[null,{"role":"user","content":null}]}`), 400},
		"no question":   {"/v1/chat/completions", "", []byte(`{"messages":[{"role":"user","content":" "}]}`), 400},
		"bomb":          {"/v1/caption", "image/png", bomb(60000, 60000), 400},
		"broken":        {"/v1/caption", "image/png", bomb(2, 1<<20), 400},
		"form":          {"/v1/detect", "multipart/form-data", []byte("x"), 400},
		"form's end":    {"/v1/detect", kind, body[:len(body)-50], 400},
		"form's field":  {"/v1/detect", kind, body, 400},
		"image by name": {"/v1/detect?image=/etc/passwd&labels=x", "image/png", file, 400},
		"label":         {"/v1/detect?labels=%3Cscript%3E", "image/jpeg", file, 400},
		"language":      {"/v1/caption?language=en%0Aocr", "image/jpeg", file, 400},
		"token":         {"/detokenize", "", []byte(`{"tokens":[-1]}`), 400},
		"stops":         {"/v1/chat/completions", "", []byte(`{"messages":[{"role":"user","content":"x"}],"stop":[""]}`), 400},
		"seed":          {"/v1/chat/completions", "", []byte(`{"messages":[{"role":"user","content":"x"}],"seed":1e99}`), 400},
		"xml":           {"/predict", "", []byte(`{"label_config":"<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>","tasks":[{}]}`), 400},
		"long path":     {"/" + strings.Repeat("a/../", 1000) + "none", "", nil, 404},
		"a picture of text": {"/api/generate", "", []byte(`{"model":"tiny","prompt":"ocr","images":["` +
			base64.StdEncoding.EncodeToString([]byte("<svg/>")) + `"]}`), 400},
	} {
		headers := []string{"Content-Type", test.kind}
		if test.kind == "" {
			headers = nil
		}
		w, got := s.send("POST", test.path, test.body, headers...)
		if w.StatusCode != test.want || len(got) > 1000 || !strings.Contains(string(got), `"error"`) {
			t.Errorf("%s: status %d, want %d: %.500s", name, w.StatusCode, test.want, got)
		}
		if w.Header.Get("X-Content-Type-Options") != "nosniff" && w.StatusCode != 301 {
			t.Errorf("%s: a browser may guess the type", name)
		}
	}
	s.post("/v1/chat/completions", ask("caption en", file, nil), 200, nil)
}

// TestHalfARequest keeps no slot.
func TestHalfARequest(t *testing.T) {
	s := serve(t, Options{Parallel: 1})
	for range 8 {
		c, err := net.Dial("tcp", s.web.Listener.Addr().String())
		must(t, err)
		defer c.Close()
		fmt.Fprintf(c, "POST /v1/caption HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
	}
	until(t, "they are inside", func() bool { _, waiting := s.queue.load(); return waiting == 8 })
	s.post("/v1/chat/completions", ask("caption en", scene(t, "05"), nil), 200, nil)
	if computed, _ := s.queue.load(); computed != 0 {
		t.Errorf("%d slots are taken", computed)
	}
}
