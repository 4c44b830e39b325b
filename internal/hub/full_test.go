package hub_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/testhub"
)

// TestFullDiskAtEveryStage fetches into caches that have room for so many bytes, or so many
// files: wherever that ends, in a folder, a partial file, a link or a ref, the error says that
// no space is left, no file is wrong, and with more room the next call has all.
func TestFullDiskAtEveryStage(t *testing.T) {
	files := map[string][]byte{"config.json": content(3000), "tokenizer.json": content(9000), big: content(40_000)}
	for _, limit := range []string{"size=%dk", "nr_inodes=%d"} {
		failed := map[string]int{}
		for n := 1; n < 100; n++ {
			if strings.HasPrefix(limit, "size") {
				n += 3 // a page
			}
			h, client := start(t, &testhub.Hub{Files: files})
			if err := mountSmall(client.Cache, fmt.Sprintf(limit, n)); err != nil {
				t.Skipf("needs the right to mount a small file system: %v", err)
			}
			_, err := fetch(t.Context(), client)
			if err != nil && (!errors.Is(err, hub.ErrNoSpace) || !strings.Contains(err.Error(), "pgcli models --remove")) {
				t.Errorf(limit+": error is %v, want that no space is left", n, err)
			}
			for name, want := range files {
				got, err := os.ReadFile(filepath.Join(client.Cache, "models--maker--model", "snapshots", testhub.Commit, name))
				if err == nil && string(got) != string(want) {
					t.Errorf(limit+": %s has %d bytes, want %d or no file", n, name, len(got), len(want))
				}
			}
			complete := err == nil
			if !complete {
				failed[err.Error()]++
				if err := mountSmall(client.Cache, "remount,size=8m,nr_inodes=1000"); err != nil {
					t.Fatal(err)
				}
				if _, err := fetch(t.Context(), client); err != nil {
					t.Errorf(limit+", then more: %v", n, err)
				}
			}
			whole(t, h, client)
			unmountSmall(client.Cache)
			h.Close()
			if complete {
				break
			}
		}
		if len(failed) < 3 {
			t.Errorf(limit+": failed in %d ways only: %v", 0, len(failed), failed)
		}
	}
}
