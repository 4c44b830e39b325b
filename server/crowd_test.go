package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// errand sends one request in one of several ways.
func (c *crowd) errand(e errand, r *rand.Rand) {
	body, path := e.body, "/v1/chat/completions"
	switch r.IntN(16) {
	case 0:
		c.refused(path, body[:r.IntN(len(body))])
	case 1:
		garbage := make([]byte, r.IntN(1<<16))
		for i := range garbage {
			garbage[i] = byte(r.Uint32())
		}
		c.refused(path, garbage)
	case 2: // a picture that claims to be huge
		data, err := json.Marshal(ask(e.prompt, bomb(60000, uint32(30000+r.IntN(30000))), nil))
		if err != nil {
			c.t.Error(err)
		}
		c.refused(path, data)
	case 3:
		c.refused(path, []byte(wrongs[r.IntN(len(wrongs))]))
	case 4:
		c.leaves(body, time.Duration(r.IntN(30))*time.Millisecond)
	case 5:
		c.halfOpen(body[:r.IntN(len(body))], len(body), time.Duration(r.IntN(30))*time.Millisecond)
	case 6:
		c.asked(path, body, e.want, func(in io.Reader) io.Reader { return &slow{in, r} })
	default:
		c.asked(path, body, e.want, nil)
	}
}

// wrongs are JSON, and no requests.
var wrongs = []string{"null", "[]", "7", `"x"`, "{}", `{"messages":{}}`, `{"messages":[]}`, `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":7}]}]}`,
	`{"messages":[{"role":"king","content":"x"}]}`, `{"messages":[{"role":"user","content":"x"}],"temperature":"hot"}`, `{"messages":[{"role":"user","content":"x"}],"n":-1}`}

// A slow reader reads little at a time.
type slow struct {
	io.Reader
	r *rand.Rand
}

func (s *slow) Read(p []byte) (int, error) {
	time.Sleep(time.Duration(s.r.IntN(500)) * time.Microsecond)
	return s.Reader.Read(p[:min(len(p), 64)])
}

// exchange sends a request and returns status and body, which reading may slow down.
func (c *crowd) exchange(ctx context.Context, path string, body []byte, reading func(io.Reader) io.Reader) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, "POST", c.web.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	w, err := c.web.Client().Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer w.Body.Close()
	var in io.Reader = w.Body
	if reading != nil {
		in = reading(in)
	}
	data, err := io.ReadAll(in)
	return w.StatusCode, data, err
}

// refused wants a mistake to be answered with status 400 and a message.
func (c *crowd) refused(path string, body []byte) {
	status, data, err := c.exchange(c.t.Context(), path, body, nil)
	var out struct{ Error apiError }
	if err != nil || status != 400 || json.Unmarshal(data, &out) != nil || out.Error.Message == "" {
		c.t.Errorf("status %d, %v, want 400 for %.100q: %.300s", status, err, body, data)
	}
	c.answers[refusedMistake].Add(1)
}

// asked wants the right answer, whole or as a stream.
func (c *crowd) asked(path string, body []byte, want string, reading func(io.Reader) io.Reader) {
	status, data, err := c.exchange(c.t.Context(), path, body, reading)
	got, parts := "", strings.Split(strings.TrimPrefix(strings.TrimSuffix(string(data), "data: [DONE]\n\n"), "data: "), "\n\ndata: ")
	for _, part := range parts {
		var out chatCompletion
		if e := json.Unmarshal([]byte(part), &out); e != nil || len(out.Choices) != 1 {
			c.t.Errorf("status %d, %v, %v: %.300s", status, err, e, part)
			break
		}
		for _, m := range []*message{out.Choices[0].Message, out.Choices[0].Delta} {
			if m != nil && m.Content != nil {
				got += *m.Content
			}
		}
	}
	if err != nil || status != 200 || got != want {
		c.t.Errorf("status %d, %v, answer %q, want %q", status, err, got, want)
	}
	c.answers[rightAnswer].Add(1)
}

// leaves leaves after a time, unless it has its answer by then.
func (c *crowd) leaves(body []byte, after time.Duration) {
	ctx, cancel := context.WithTimeout(c.t.Context(), after)
	defer cancel()
	status, data, err := c.exchange(ctx, "/v1/chat/completions", body, nil)
	if err == nil && status != 200 {
		c.t.Errorf("status %d: %.300s", status, data)
	}
	c.answers[leftEarly].Add(1)
}

// halfOpen sends the beginning of a request and says no more.
func (c *crowd) halfOpen(body []byte, length int, after time.Duration) {
	conn, err := net.Dial("tcp", c.web.Listener.Addr().String())
	if err != nil {
		c.t.Error(err)
		return
	}
	fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", length, body)
	time.Sleep(after)
	conn.Close()
	c.answers[leftEarly].Add(1)
}

// enlarge makes a picture n times as wide and high.
func enlarge(t testing.TB, file []byte, n int) []byte {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(file))
	must(t, err)
	size := img.Bounds().Size()
	big := image.NewRGBA(image.Rect(0, 0, n*size.X, n*size.Y))
	for y := range n * size.Y {
		for x := range n * size.X {
			big.Set(x, y, img.At(x/n, y/n))
		}
	}
	var b bytes.Buffer
	must(t, jpeg.Encode(&b, big, nil))
	return b.Bytes()
}

// descriptors returns the number of open files; 0 where it is not known.
func descriptors() int {
	if runtime.GOOS != "linux" { // Wine has a /proc, too, but not this process's
		return 0
	}
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// resident returns the process's memory in bytes, without what is garbage; 0 where it
// is not known.
func resident() int64 {
	debug.FreeOSMemory()
	var pages int64
	text, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscanf(string(text), "%d %d", new(int64), &pages)
	return pages * int64(os.Getpagesize())
}
