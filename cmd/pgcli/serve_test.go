//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A serving is a pgcli serve that runs.
type serving struct {
	*exec.Cmd
	t       *testing.T
	address string
	stderr  bytes.Buffer // to be read at its end
	client  http.Client
}

// startServe starts pgcli serve with the embedded model.
func startServe(t *testing.T, flags ...string) *serving {
	t.Helper()
	s := &serving{Cmd: exec.Command("pgcli", append([]string{"serve", "--listen", "127.0.0.1:0", "--alias", "tiny", "-t", "1"}, flags...)...), t: t}
	s.Env, s.Stderr = environment(t), &s.stderr
	out, err := s.StdoutPipe()
	must(t, err)
	must(t, s.Start())
	t.Cleanup(func() { s.Process.Kill(); s.Wait(); s.client.CloseIdleConnections() })
	late := time.AfterFunc(patience, func() { s.Process.Signal(syscall.SIGQUIT) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !late.Stop() {
		s.Wait()
		t.Fatalf("pgcli serve %q: %v\n%s", flags, err, &s.stderr)
	}
	s.address = strings.TrimSpace(line)
	s.client.Transport = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if path, ok := strings.CutPrefix(s.address, "unix:"); ok {
			network, address = "unix", path
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	return s
}

// status sends a request with a key and returns the answer's status.
func (s *serving) status(method, path, body, key string) int {
	s.t.Helper()
	url := s.address + path
	if strings.HasPrefix(s.address, "unix:") {
		url = "http://socket" + path
	}
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	must(s.t, err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w, err := s.client.Do(r)
	must(s.t, err)
	defer w.Body.Close()
	_, err = io.Copy(io.Discard, w.Body)
	must(s.t, err)
	return w.StatusCode
}

// begin starts an answer of many tokens, and returns its stream once it has begun.
func (s *serving) begin(tokens int) *bufio.Reader {
	s.t.Helper()
	picture, err := os.ReadFile(filepath.Join("demo", "scene-05.jpg"))
	must(s.t, err)
	content := []any{map[string]any{"type": "text", "text": "caption en"},
		map[string]any{"type": "image_url", "image_url": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(picture)}}
	body, err := json.Marshal(map[string]any{"model": "tiny", "messages": []any{map[string]any{"role": "user", "content": content}}, "stream": true,
		"max_tokens": tokens, "temperature": 5, "seed": 1, "logit_bias": map[string]any{"1": -100}, "logprobs": true, "top_logprobs": 20})
	must(s.t, err)
	w, err := s.client.Post(s.address+"/v1/chat/completions", "application/json", bytes.NewReader(body))
	must(s.t, err)
	s.t.Cleanup(func() { w.Body.Close() })
	stream := bufio.NewReader(w.Body)
	if line, err := stream.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
		s.t.Fatalf("the stream begins with %q, %v", line, err)
	}
	return stream
}

// TestServeEndsWithItsRequests: a SIGTERM refuses other requests, and the last answer
// is whole.
func TestServeEndsWithItsRequests(t *testing.T) {
	s := startServe(t, "--predict", "800", "-c", "1000")
	stream := s.begin(800)
	must(t, s.Process.Signal(syscall.SIGTERM))
	for s.status("GET", "/health", "", "") == 200 {
	}
	if status := s.status("POST", "/v1/caption", "{}", ""); status != 503 {
		t.Errorf("another request while it drains: status %d, want 503", status)
	}
	rest, err := io.ReadAll(stream)
	if err != nil || !bytes.HasSuffix(rest, []byte("data: [DONE]\n\n")) {
		t.Errorf("the answer ends with %q, %v", rest[max(0, len(rest)-100):], err)
	}
	if code := finish(t, s.Cmd); code != 0 {
		t.Errorf("exit code %d\n%s", code, &s.stderr)
	}
}

// TestServeEndsInTime: --drain bounds the wait, for clients that send no more, too, and
// the exit code says that requests were ended.
func TestServeEndsInTime(t *testing.T) {
	s := startServe(t, "--drain", "10ms", "--predict", "100000", "-c", "100000")
	half, err := net.Dial("tcp", strings.TrimPrefix(s.address, "http://"))
	must(t, err)
	defer half.Close()
	_, err = fmt.Fprint(half, "POST /v1/caption HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
	must(t, err)
	stream := s.begin(100000)
	must(t, s.Process.Signal(syscall.SIGTERM))
	rest, err := io.ReadAll(stream)
	if !strings.Contains(string(rest), "the server shuts down") {
		t.Errorf("the answer ends with %q, %v", rest[max(0, len(rest)-100):], err)
	}
	if code := finish(t, s.Cmd); code != 1 || !strings.Contains(s.stderr.String(), "pgcli: requests still ran after 10ms: they were ended\n") {
		t.Errorf("exit code %d\n%s", code, &s.stderr)
	}
}

// TestSecondSignalEndsServeAtOnce while the first one waits for a request.
func TestSecondSignalEndsServeAtOnce(t *testing.T) {
	s := startServe(t, "--drain", "1h", "--predict", "100000", "-c", "100000")
	s.begin(100000)
	must(t, s.Process.Signal(syscall.SIGTERM))
	for s.status("GET", "/health", "", "") == 200 {
	}
	must(t, s.Process.Signal(syscall.SIGTERM))
	if code := finish(t, s.Cmd); code != -1 || s.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("exit code %d, %v, want its end by the signal", code, s.ProcessState)
	}
}

// TestServeKeyFile: each line is a key, as editors of any system write them.
func TestServeKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	must(t, os.WriteFile(file, []byte("\ufefffirst\r\n\r\n  second \nwith,comma"), 0o600))
	s := startServe(t, "--api-key-file", file, "--api-key", "third,too")
	for key, want := range map[string]int{"first": 200, "second": 200, "with,comma": 200, "third,too": 200, "third": 401, "too": 401, "with": 401, "": 401, "\ufefffirst": 401, "fir": 401} {
		if status := s.status("GET", "/v1/models", "", key); status != want {
			t.Errorf("key %q: status %d, want %d", key, status, want)
		}
	}
	if status := s.status("GET", "/health", "", ""); status != 200 {
		t.Errorf("health without a key: status %d", status)
	}
	must(t, s.Process.Signal(os.Interrupt))
	if code := finish(t, s.Cmd); code != 0 || strings.Contains(s.stderr.String(), "first") {
		t.Errorf("exit code %d\n%s", code, &s.stderr)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "newline": "\n", "blank": "\ufeff \r\n\t\r\n", "large": strings.Repeat("key\n", 4<<20+1)} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for name, want := range map[string]string{"empty": "has no key", "newline": "has no key", "blank": "has no key", "none": "no such file", "": "is a folder", "large": "has more than"} {
		refusesToServe(t, want, "--api-key-file", filepath.Join(dir, name))
	}
}

// refusesToServe wants flags of pgcli serve to end it, with a message that has a text.
func refusesToServe(t *testing.T, want string, flags ...string) {
	t.Helper()
	var out, stderr bytes.Buffer
	code := run(t.Context(), append([]string{"pgcli", "serve", "--listen", "127.0.0.1:0"}, flags...), strings.NewReader(""), &out, &stderr)
	if text := stderr.String(); code != 1 && code != 2 || !strings.Contains(text, want) || strings.Count(text, "\n") != 1 || out.Len() > 0 {
		t.Errorf("%.200q: exit code %d, output %q, want %q: %.500s", flags, code, &out, want, text)
	}
}
