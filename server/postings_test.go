package server

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/testrace"
)

// A posting is a request that is not sent yet.
type posting struct {
	path, kind string
	body       []byte
}

// postings returns a request about a picture to each endpoint that takes one, in each form.
func postings(t testing.TB, file []byte) []posting {
	t.Helper()
	uri, plain := dataURI(file), base64.StdEncoding.EncodeToString(file)
	config := `<View><Image name="i" value="$image"/><RectangleLabels name="r" toName="i"><Label value="a"/></RectangleLabels></View>`
	var list []posting
	for _, r := range []struct {
		path string
		body any
	}{
		{"/v1/chat/completions", ask("caption en", file, nil)},
		{"/v1/chat/completions", ask("caption en", file, map[string]any{"stream": true})},
		{"/v1/detect", map[string]any{"image": uri, "labels": []string{"cross"}}},
		{"/v1/detect", map[string]any{"inputs": plain, "labels": []string{"cross"}, "format": "hf"}},
		{"/v1/segment", map[string]any{"image": plain, "labels": []string{"cross"}}},
		{"/v1/caption", map[string]any{"image": uri}},
		{"/v1/answer", map[string]any{"image": uri, "question": "how many?"}},
		{"/v1/ocr", map[string]any{"image": uri}},
		{"/v1/choose", map[string]any{"image": uri, "question": "how many?", "choices": []string{"1", "2"}}},
		{"/api/generate", map[string]any{"model": "tiny", "prompt": "ocr", "images": []string{plain}}},
		{"/api/chat", map[string]any{"model": "tiny", "messages": []any{map[string]any{"role": "user", "content": "ocr", "images": []string{plain}}}}},
		{"/predict", map[string]any{"label_config": config, "tasks": []any{map[string]any{"id": 1, "data": map[string]any{"image": uri}}}}},
	} {
		body, err := json.Marshal(r.body)
		must(t, err)
		list = append(list, posting{r.path, "application/json", body})
	}
	body, kind := form(t, file, "labels", "cross")
	return append(list, posting{"/v1/detect", kind, body}, posting{"/v1/ocr", "image/png", file}, posting{"/v1/segment?labels=cross", "", file})
}

// TestHundredMegabytes of base64 are too many for a server that does not allow them, and
// no picture to one that does.
func TestHundredMegabytes(t *testing.T) {
	length := 100 << 20
	if testrace.Slowness > 1 {
		length = 40 << 20 // more than a server takes, too
	}
	mark := base64.StdEncoding.EncodeToString([]byte("MARK"))
	ask := func(s *site, p posting, before, after []byte, want int) {
		c, err := net.Dial("tcp", s.web.Listener.Addr().String())
		if err == nil {
			err = c.SetDeadline(time.Now().Add(time.Minute * testrace.Slowness))
		}
		if err != nil {
			t.Error(err)
			return
		}
		var client sync.WaitGroup
		defer client.Wait()
		defer c.Close()
		client.Go(func() {
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", p.path, p.kind, len(before)+length+len(after), before)
			letters := bytes.Repeat([]byte("A"), 1<<20)
			for range length >> 20 {
				if _, err := c.Write(letters); err != nil {
					return // the server has enough
				}
			}
			c.Write(after)
		})
		w, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%s: %v", p.path, err)
			return
		}
		if got, err := io.ReadAll(w.Body); err != nil || w.StatusCode != want || len(got) > 500 || !strings.Contains(string(got), "error") {
			t.Errorf("%s: status %d, want %d: %v, %.500s", p.path, w.StatusCode, want, err, got)
		}
	}
	for limit, want := range map[int64]int{0: 413, 160 << 20: 400} {
		s, sent := serve(t, Options{MaxBody: limit}), map[string]bool{}
		var all sync.WaitGroup
		for _, p := range postings(t, []byte("MARK")) {
			before, after, ok := bytes.Cut(p.body, []byte(mark))
			if ok && !sent[p.path] && (want == 413 || p.path == "/v1/detect") {
				sent[p.path] = true
				all.Go(func() { ask(s, p, before, after, want) })
			}
		}
		all.Wait()
		if len(sent) == 0 {
			t.Error("no endpoint was asked")
		}
		until(t, "all left", s.idle)
	}
}
