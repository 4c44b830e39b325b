package server

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testrace"
)

// raw sends bytes as they are, and returns all answers until the server closes the
// connection or waits for more.
func (s *site) raw(text string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.web.Listener.Addr().String())
	must(s.t, err)
	defer c.Close()
	_, err = io.WriteString(c, text)
	must(s.t, err)
	must(s.t, c.(*net.TCPConn).CloseWrite())
	must(s.t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
	out, _ := io.ReadAll(c) // a reset ends it, too
	return string(out)
}

// TestRequestTargets: a target with another host is another host's, whatever the Host
// header says, and no spelling of a path leads to a file or around the key.
func TestRequestTargets(t *testing.T) {
	s := serve(t, Options{Keys: []string{"secret"}})
	for target, want := range map[string]string{
		"http://evil.example/health":   "403",
		"http://localhost/health":      "200",
		"http://localhost/v1/models":   "401",
		"/health":                      "200",
		"//health":                     "307", // to /health
		"/page/../v1/models":           "307",
		"/page/%2e%2e/server.go":       "401",
		"/page/..%2fserver.go":         "404",
		"/page/..%5cserver.go":         "404",
		"/page/%2fetc%2fpasswd":        "404",
		"/page/page.js%00.go":          "404",
		"/page/page.js;x=/v1/models":   "401",
		"/page/page.js;x":              "404",
		"/page/":                       "401",
		"/v1/models;/health":           "401",
		"/health/../v1/models":         "307",
		"/v1/models?x=/health":         "401",
		"/%76%31/models":               "401",
		"/V1/models":                   "401",
		"/health#/v1/models":           "401",
		"*":                            "40",
		"/..%2f..%2f..%2fetc%2fpasswd": "401",
	} {
		got := s.raw("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 "+want) || strings.Contains(got, "package server") || strings.Contains(got, "root:") {
			t.Errorf("%s: %.300q, want status %s", target, got, want)
		}
		if _, to, ok := strings.Cut(got, "Location: "); ok && !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
			t.Errorf("%s leads to another host: %.100q", target, to)
		}
	}
}

// TestSmuggling: a request whose end two programs could see in two places is refused,
// and what follows it is not read as a request.
func TestSmuggling(t *testing.T) {
	s := serve(t, Options{})
	const second = "GET /props HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for name, head := range map[string]string{
		"two lengths":         "Content-Length: 0\r\nContent-Length: 5\r\n",
		"a list of lengths":   "Content-Length: 0, 5\r\n",
		"a signed length":     "Content-Length: +0\r\n",
		"a length in hex":     "Content-Length: 0x0\r\n",
		"an unknown coding":   "Transfer-Encoding: xchunked\r\n",
		"two codings":         "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
		"a space before":      "Transfer-Encoding : chunked\r\n",
		"a folded header":     "X: 1\r\n Transfer-Encoding: chunked\r\n\x00: 1\r\n",
		"two hosts":           "Host: evil.example\r\n",
		"a NUL in a header":   "X: a\x00b\r\n",
		"a broken chunk size": "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		got := s.raw("POST /detokenize HTTP/1.1\r\nHost: localhost\r\n" + head + "\r\n" + second)
		if status := strings.Count(got, "HTTP/1.1 "); status != 1 || !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 501") {
			t.Errorf("%s: %.400q, want one answer with an error", name, got)
		}
	}
	// Both framings: RFC 9112 has the chunks win and the connection end.
	got := s.raw("POST /detokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second)
	if strings.Contains(got, "total_slots") {
		t.Errorf("a request after both framings was answered: %.400q", got)
	}
	if got := s.raw("GET /health HTTP/1.0\r\n\r\n"); !strings.Contains(got, " 403 ") {
		t.Errorf("a request without a host: %.200q", got)
	}
}

// TestEndlessChunks: a body that never ends is cut at the limit, while it is sent.
func TestEndlessChunks(t *testing.T) {
	s := serve(t, Options{MaxBody: 1 << 16})
	for _, path := range []string{"/v1/chat/completions", "/v1/detect", "/v1/choose", "/tokenize", "/detokenize", "/api/generate", "/api/chat", "/api/show", "/setup", "/predict", "/webhook"} {
		c, err := net.Dial("tcp", s.web.Listener.Addr().String())
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(20*time.Second)))
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", path)
		go func() {
			for chunk := "1000\r\n" + strings.Repeat(" ", 0x1000) + "\r\n"; ; {
				if _, err := io.WriteString(c, chunk); err != nil {
					return // the server has enough
				}
			}
		}()
		w, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || w.StatusCode != 413 {
			t.Errorf("%s: %v, %v, want status 413", path, w, err)
		}
	}
}

// TestAskedBeforehand: a client that asks whether it may send too large a body, as curl
// does, hears that it may not; it was told to go on, and then cut off.
func TestAskedBeforehand(t *testing.T) {
	s := serve(t, Options{MaxBody: 1 << 20})
	for length, want := range map[int]string{1<<20 + 1: "HTTP/1.1 413 ", 2: "HTTP/1.1 100 Continue"} {
		got := s.raw(fmt.Sprintf("POST /detokenize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n{}", length))
		if !strings.HasPrefix(got, want) {
			t.Errorf("%d bytes: %.200q, want %q", length, got, want)
		}
	}
}

// TestPackedBodies are refused in words: nothing unpacks them, so that none can grow.
func TestPackedBodies(t *testing.T) {
	s := serve(t, Options{})
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, `{"content":"x"}`)
	must(t, z.Close())
	for coding, want := range map[string]int{"gzip": 415, "br": 415, "gzip, identity": 415, "identity": 400, "": 400} {
		for _, path := range []string{"/tokenize", "/v1/detect"} {
			w, body := s.send("POST", path, b.Bytes(), "Content-Encoding", coding, "Content-Type", "application/json")
			if w.StatusCode != want || want == 415 && !strings.Contains(string(body), "Content-Encoding") {
				t.Errorf("%s with %q: status %d, want %d: %s", path, coding, w.StatusCode, want, body)
			}
		}
	}
}

// TestMany of anything in one request is refused, and costs neither time nor memory.
func TestMany(t *testing.T) {
	s, file := serve(t, Options{}), scene(t, "05")
	many := strings.Repeat(`"a",`, 100_000) + `"a"`
	parts := make([]string, 20_000)
	for i := range parts {
		parts[i] = "x"
	}
	form, kind := form(t, file, parts...)
	chat := func(more string) []byte { return []byte(`{"messages":[{"role":"user","content":"ocr"}],` + more + `}`) }
	for name, test := range map[string]struct {
		path, kind string
		body       []byte
		param      string
	}{
		"labels":          {"/v1/detect", "application/json", []byte(`{"image":"` + dataURI(file) + `","labels":[` + many + `]}`), "labels"},
		"choices":         {"/v1/choose", "application/json", []byte(`{"image":"` + dataURI(file) + `","question":"x","choices":[` + many + `]}`), "choices"},
		"parts":           {"/v1/detect", kind, form, ""},
		"stops":           {"/v1/chat/completions", "", chat(`"stop":[` + many + `]`), "stop"},
		"n":               {"/v1/chat/completions", "", chat(`"n":1000000`), "n"},
		"negative n":      {"/v1/chat/completions", "", chat(`"n":-1`), "n"},
		"negative tokens": {"/v1/chat/completions", "", chat(`"max_tokens":-1`), "max_tokens"},
		"too many tokens": {"/v1/chat/completions", "", chat(`"max_tokens":1e99`), "max_tokens"},
		"NaN":             {"/v1/chat/completions", "", chat(`"temperature":NaN`), ""},
		"infinite":        {"/v1/chat/completions", "", chat(`"temperature":1e999`), "temperature"},
		"negative":        {"/v1/chat/completions", "", chat(`"temperature":-1`), ""},
		"fraction":        {"/v1/chat/completions", "", chat(`"n":1.5`), "n"},
		"tasks":           {"/predict", "", []byte(`{"label_config":"<View><Image name=\"i\" value=\"$i\"/><RectangleLabels name=\"r\" toName=\"i\"><Label value=\"a\"/></RectangleLabels></View>","tasks":[` + strings.Repeat("{},", 1000) + `{}]}`), "tasks"},
		"deep XML":        {"/predict", "", []byte(`{"label_config":"` + strings.Repeat("<a>", 1_000_000) + `","tasks":[{}]}`), "label_config"},
		"values":          {"/v1/chat/completions", "", chat(`"stop":[` + strings.Repeat(`"a",`, 1_000_000) + `"a"]`), ""},
		"objects":         {"/v1/detect", "", []byte(`{"labels":[` + strings.Repeat(`{},`, 1_000_000) + `{}]}`), ""},
		"a long prompt":   {"/v1/chat/completions", "", []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("a ", 1_000_000) + `"}]}`), ""},
		"pictures":        {"/v1/chat/completions", "", []byte(`{"messages":[{"role":"user","content":[` + strings.Repeat(`{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},`, 10) + `{"type":"text","text":"ocr"}]}]}`), "messages"}, // 9 fit in a session
	} {
		start := time.Now()
		w, got := s.send("POST", test.path, test.body, "Content-Type", test.kind)
		if w.StatusCode != 400 || len(got) > 1000 || test.param != "" && !strings.Contains(string(got), `"param":"`+test.param) {
			t.Errorf("%s: status %d, want 400 about %q: %.500s", name, w.StatusCode, test.param, got)
		}
		if took := time.Since(start); took > time.Minute*testrace.Slowness { // what grows by the square takes hours; an emulated processor, 11 s
			t.Errorf("%s took %v", name, took)
		}
	}
}

// TestMetricsOfStrangers: what clients make up adds no series, and is not shown.
func TestMetricsOfStrangers(t *testing.T) {
	s := serve(t, Options{})
	series := func() int {
		_, body := s.send("GET", "/metrics", nil)
		if strings.Contains(string(body), "stranger") {
			t.Error("a stranger's text is among the metrics")
		}
		return strings.Count(string(body), "\npgcli_")
	}
	ask := func(i int) {
		name := fmt.Sprintf("stranger%d", i)
		s.send("GET", "/"+name, nil)
		s.send("GET", "/v1/models/"+name, nil)
		s.send("GET", "/page/"+name, nil)
		s.send("STRANGER", "/health", nil)
		s.send("POST", "/detokenize?"+name, []byte("{}"), "User-Agent", name, "Host", "localhost")
		s.send("GET", "/health", nil, "Host", name)
	}
	ask(0)
	series()
	before := series()
	for i := range 50 {
		ask(i)
	}
	if after := series(); after != before {
		t.Errorf("%d series before, %d after", before, after)
	}
	if log := s.log.String(); strings.Contains(log, "stranger1") {
		t.Errorf("the log holds what clients make up: %.500s", log)
	}
}
