package hub_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
)

const big = "model.safetensors"

// content returns n bytes that do not repeat.
func content(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func start(t *testing.T, h *testhub.Hub) (*testhub.Hub, *hub.Hub) {
	t.Helper()
	if h.Files == nil {
		h.Files = map[string][]byte{"config.json": []byte("{}\n"), big: content(300_000), "empty.txt": {}, "sub/dir/x.gguf": content(70_000)}
	}
	h.Start()
	t.Cleanup(h.Close)
	return h, &hub.Hub{Endpoint: h.URL, Cache: t.TempDir(), Token: h.Token, Wait: time.Millisecond, Stalled: 5 * time.Second}
}

// snapshot opens a revision until the test ends. Windows removes no folder in which a file is
// locked.
func snapshot(t *testing.T, client *hub.Hub, revision string) *hub.Snapshot {
	t.Helper()
	s, err := client.Snapshot(t.Context(), testhub.Repo, revision)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// fetch gets all files.
func fetch(ctx context.Context, client *hub.Hub) ([]string, error) {
	s, err := client.Snapshot(ctx, testhub.Repo, "main")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var names []string
	for _, f := range s.Files {
		names = append(names, f.Path)
	}
	return s.Get(ctx, names...)
}

// whole wants all files of the cache to be right, and nothing else in blobs.
func whole(t *testing.T, h *testhub.Hub, client *hub.Hub) {
	t.Helper()
	dir := filepath.Join(client.Cache, "models--maker--model")
	for name, want := range h.Files {
		got, err := os.ReadFile(filepath.Join(dir, "snapshots", testhub.Commit, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v, want %d others", name, len(got), err, len(want))
		}
		blob, err := os.ReadFile(filepath.Join(dir, "blobs", testhub.OID(name, want)))
		if err != nil || !bytes.Equal(blob, want) {
			t.Errorf("blob of %s: %v", name, err)
		}
	}
	if blobs, err := os.ReadDir(filepath.Join(dir, "blobs")); err != nil || len(blobs) != len(h.Files) {
		t.Errorf("%d blobs, %v, want %d", len(blobs), err, len(h.Files))
	}
	if ref, err := os.ReadFile(filepath.Join(dir, "refs", "main")); err != nil || string(ref) != testhub.Commit {
		t.Errorf("refs/main is %q, %v", ref, err)
	}
}

// TestFetchesOnce: everything arrives, the token stays with the Hub, and a second call
// asks for the list alone. Then the cache answers without the Hub.
func TestFetchesOnce(t *testing.T) {
	h, client := start(t, &testhub.Hub{Gated: true, Token: "hf_secret"})
	if _, err := fetch(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	whole(t, h, client)
	first := h.Requests()
	if !slices.ContainsFunc(first, func(r string) bool { return strings.HasPrefix(r, "cdn ") }) {
		t.Errorf("nothing asked of the other host: %q", first)
	}
	for _, r := range first {
		if strings.HasPrefix(r, "cdn") == strings.HasSuffix(r, " token") {
			t.Errorf("request %q: the token belongs to the Hub alone", r)
		}
	}
	if _, err := fetch(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for _, r := range h.Requests()[len(first):] {
		if !strings.Contains(r, "/api/") {
			t.Errorf("second call asks for %q", r)
		}
	}
	h.Close()
	if paths, err := fetch(t.Context(), client); err != nil || len(paths) != len(h.Files) {
		t.Errorf("without the Hub: %q, %v", paths, err)
	}
	client.Offline = true
	if paths, err := fetch(t.Context(), client); err != nil || len(paths) != len(h.Files) {
		t.Errorf("offline: %q, %v", paths, err)
	}
	if _, err := client.Snapshot(t.Context(), "maker/other", "main"); !errors.Is(err, hub.ErrOffline) {
		t.Errorf("offline, another model: %v", err)
	}
}

// TestGoesOnWhereItStopped: transfers that end early, cleanly or not, everywhere.
func TestGoesOnWhereItStopped(t *testing.T) {
	for _, reset := range []bool{false, true} {
		for _, cut := range []int64{64 << 10, 128 << 10, 192 << 10, 256 << 10, 299_999} {
			h, client := start(t, &testhub.Hub{Cut: cut, Reset: reset})
			if _, err := fetch(t.Context(), client); err != nil {
				t.Errorf("cut after %d: %v", cut, err)
				continue
			}
			whole(t, h, client)
			if !slices.ContainsFunc(h.Requests(), func(r string) bool { return strings.Contains(r, "bytes=") }) {
				t.Errorf("cut after %d: no request for a range", cut)
			}
		}
	}
}

// TestPartialFiles: whatever a partial file holds, the result is right.
func TestPartialFiles(t *testing.T) {
	data := content(300_000)
	wrong := slices.Clone(data[:100_000])
	wrong[5] ^= 1
	for name, have := range map[string][]byte{"empty": {}, "half": data[:150_000], "all": data, "more": append(slices.Clone(data), 1), "wrong": wrong, "wrong at its end": append(slices.Clone(data[:299_999]), data[299_999]^1)} {
		for _, noRange := range []bool{false, true} {
			h, client := start(t, &testhub.Hub{NoRange: noRange})
			blobs := filepath.Join(client.Cache, "models--maker--model", "blobs")
			if err := os.MkdirAll(blobs, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(blobs, testhub.OID(big, data)+".pgcli.partial"), have, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := fetch(t.Context(), client); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			whole(t, h, client)
			asked := slices.ContainsFunc(h.Requests(), func(r string) bool { return strings.Contains(r, testhub.OID(big, data)+" bytes=150000-") })
			if name == "half" && !asked {
				t.Errorf("half: the other half was not asked for: %q", h.Requests())
			}
		}
	}
}

// TestFaults wants an error that names what happened and what to do, and no file.
func TestFaults(t *testing.T) {
	only := func(part string, f func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, part) {
				return false
			}
			f(w)
			return true
		}
	}
	status := func(code int) func(http.ResponseWriter) { return func(w http.ResponseWriter) { w.WriteHeader(code) } }
	text := func(s string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { _, _ = w.Write([]byte(s)) }
	}
	for _, c := range []struct {
		name, token string
		hub         *testhub.Hub
		is          error
		want        string
	}{
		{"gated", "", &testhub.Hub{Gated: true}, hub.ErrGated, "set HF_TOKEN"},
		{"gated, not accepted", "hf_x", &testhub.Hub{Gated: true, Token: "hf_y"}, hub.ErrGated, "has not accepted it"},
		{"no such file on the host", "", &testhub.Hub{Fault: only("/resolve/", status(404))}, hub.ErrNotFound, "is its name right"},
		{"server down", "", &testhub.Hub{Fault: only("/resolve/", status(503))}, hub.ErrNetwork, "503"},
		{"range refused", "", &testhub.Hub{Fault: only("/resolve/", status(416))}, hub.ErrNetwork, "no bytes from 0 on"},
		{"other bytes", "", &testhub.Hub{Fault: only("/resolve/", text("x"))}, hub.ErrNetwork, "ends after"},
		{"too many bytes", "", &testhub.Hub{Fault: only("/resolve/", text(strings.Repeat("x", 400_000)))}, hub.ErrHash, "sends more"},
		{"wrong hash", "", &testhub.Hub{Fault: only("/resolve/", text(strings.Repeat("x", 300_000))), Files: map[string][]byte{big: content(300_000)}}, hub.ErrHash, "its hash is"},
		{"no JSON", "", &testhub.Hub{Fault: only("/api/", text("<html>"))}, nil, "other JSON"},
		{"evil path", "", &testhub.Hub{Files: map[string][]byte{"../../evil.gguf": content(10)}}, nil, "is refused"},
		{"evil commit", "", &testhub.Hub{Fault: only("/revision/", text(`{"sha":"../../x"}`))}, nil, "want 40 hexadecimal digits"},
		{"evil hash", "", &testhub.Hub{Fault: only("/tree/", text(`[{"type":"file","path":"a","size":1,"oid":"../../../x"}]`))}, nil, "is refused"},
		{"evil next page", "", &testhub.Hub{Fault: func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Link", `<http://elsewhere.example/x>; rel="next"`)
			return false
		}}, nil, "elsewhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, client := start(t, c.hub)
			client.Token = c.token
			_, err := fetch(t.Context(), client)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %v with %q", err, c.is, c.want)
			}
			links, _ := filepath.Glob(filepath.Join(client.Cache, "models--maker--model", "snapshots", testhub.Commit, big))
			if len(links) > 0 {
				t.Errorf("files: %q", links)
			}
		})
	}
}
