package hub_test

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
)

var kills = flag.Int("kills", 24, "processes that TestKilledAtAnyMoment kills")

// childVariable makes the test binary a process that fetches: endpoint and cache.
const childVariable = "HUB_TEST_CHILD"

// TestChild is the process that the tests below start.
func TestChild(t *testing.T) {
	endpoint, cache, ok := strings.Cut(os.Getenv(childVariable), " ")
	if !ok {
		t.Skip("is started by other tests")
	}
	if _, err := fetch(t.Context(), &hub.Hub{Endpoint: endpoint, Cache: cache}); err != nil {
		t.Fatal(err)
	}
}

func child(t *testing.T, client *hub.Hub) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childVariable+"="+client.Endpoint+" "+client.Cache)
	return cmd
}

// TestKilledAtAnyMoment kills a process that fetches, again and again: a file that has its
// name is right, and the calls get on until all are there.
func TestKilledAtAnyMoment(t *testing.T) {
	var h *testhub.Hub
	var client *hub.Hub
	fresh := func() {
		h, client = start(t, &testhub.Hub{Slow: 2 * time.Millisecond, Files: map[string][]byte{"a.json": content(3000), big: content(2 << 20), "b.gguf": content(1 << 20)}})
	}
	fresh()
	died, completed := 0, 0
	for died < *kills && completed <= 20**kills {
		cmd := child(t, client)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			whole(t, h, client)
			completed++
			h.Close()
			fresh()
			continue
		}
		died++
		for name, data := range h.Files {
			for _, place := range []string{"blobs/" + testhub.OID(name, data), "snapshots/" + testhub.Commit + "/" + name} {
				got, err := os.ReadFile(filepath.Join(client.Cache, "models--maker--model", place))
				if err == nil && string(got) != string(data) {
					t.Fatalf("after a kill %s has %d bytes, want %d or no file", place, len(got), len(data))
				}
			}
		}
	}
	if out, err := child(t, client).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole(t, h, client)
	if died < *kills {
		t.Errorf("%d processes were killed before their end, want %d", died, *kills)
	}
	t.Logf("%d killed, %d had ended", died, completed)
}

// TestTwoProcesses fetch the same files at once: each byte comes once.
func TestTwoProcesses(t *testing.T) {
	h, client := start(t, &testhub.Hub{Slow: time.Millisecond, Files: map[string][]byte{big: content(2 << 20)}})
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if out, err := child(t, client).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	both.Wait()
	whole(t, h, client)
	sent := 0
	for _, r := range h.Requests() {
		if strings.HasPrefix(r, "cdn") {
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("the file was sent %d times, want once", sent)
	}
}

// TestFullDisk wants an error that says so, and that more room is enough to go on.
func TestFullDisk(t *testing.T) {
	h, client := start(t, &testhub.Hub{Files: map[string][]byte{big: content(3 << 20)}})
	if err := mountSmall(client.Cache, "size=1m"); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	defer unmountSmall(client.Cache)
	_, err := fetch(t.Context(), client)
	if !errors.Is(err, hub.ErrNoSpace) || !strings.Contains(err.Error(), "pgcli models --remove") {
		t.Errorf("error is %v, want that no space is left", err)
	}
	if err := mountSmall(client.Cache, "remount,size=8m"); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	whole(t, h, client)
}

// TestTwoFetchesOfALink: of two that fetch the same link at once, one waits for the other.
func TestTwoFetchesOfALink(t *testing.T) {
	h, client := start(t, &testhub.Hub{Slow: time.Millisecond, Files: map[string][]byte{big: content(2 << 20)}})
	dst := filepath.Join(client.Cache, "links", big)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := client.Fetch(t.Context(), hub.Link{URL: h.URL + "/" + testhub.Repo + "/resolve/" + testhub.Commit + "/" + big}, dst); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	got, err := os.ReadFile(dst)
	if err != nil || !bytes.Equal(got, h.Files[big]) {
		t.Errorf("%d bytes, %v, want the %d that the server has", len(got), err, len(h.Files[big]))
	}
	if entries, err := os.ReadDir(filepath.Dir(dst)); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v, want %s alone", entries, err, big)
	}
	sent := 0
	for _, r := range h.Requests() {
		if strings.HasPrefix(r, "cdn") && !strings.HasSuffix(r, "bytes=0-0") { // which asks for the size
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("the file was sent %d times, want once", sent)
	}
}
