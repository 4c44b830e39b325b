package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgcli/paligemma/internal/testpipe"
)

// TestTrickledBodies: a client that sends a byte a second, to any endpoint that reads a
// body, has bodyTime for it, and no slot; then it is told, and its connection ends.
func TestTrickledBodies(t *testing.T) {
	m := openTiny(t)
	forms := map[string]struct{ head, begin, piece string }{
		"JSON":    {"Content-Type: application/json\r\nContent-Length: 100000\r\n", `{"image":"`, "x"},
		"form":    {"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n", "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x\"\r\n\r\n", "x"},
		"picture": {"Content-Type: image/png\r\nContent-Length: 100000\r\n", "\x89PNG\r\n", "x"},
		"chunks":  {"Transfer-Encoding: chunked\r\n", "", "1\r\nx\r\n"},
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := New(m, &Options{Parallel: 1})
		must(t, err)
		listener := make(testpipe.Listener)
		web := &http.Server{Handler: s}
		go web.Serve(listener)
		for _, r := range routes {
			if r.method != "POST" {
				continue
			}
			for name, form := range forms {
				c, server := net.Pipe()
				listener <- server
				var client sync.WaitGroup
				client.Go(func() {
					_, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n%s", r.path, form.head, form.begin)
					for err == nil {
						time.Sleep(time.Second)
						_, err = io.WriteString(c, form.piece)
					}
				})
				start, in := time.Now(), bufio.NewReader(c)
				w, err := http.ReadResponse(in, nil)
				must(t, err)
				body, err := io.ReadAll(w.Body)
				if err != nil || w.StatusCode != 408 || !strings.Contains(string(body), "did not arrive") {
					t.Errorf("%s to %s: status %d, want 408: %v, %.300s", name, r.path, w.StatusCode, err, body)
				}
				if took := time.Since(start); took != bodyTime {
					t.Errorf("%s to %s: it was told after %v, want %v", name, r.path, took, bodyTime)
				}
				if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
					t.Errorf("%s to %s: the connection goes on: %v", name, r.path, err)
				}
				if took := time.Since(start); took > bodyTime+time.Second {
					t.Errorf("%s to %s: the connection ended after %v", name, r.path, took)
				}
				c.Close()
				client.Wait()
				synctest.Wait()
				if !s.idle() {
					t.Errorf("%s to %s: a request is still inside", name, r.path)
				}
			}
		}
		must(t, s.Close())
		must(t, web.Close())
	})
}
