package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch"
)

// TestNamesThatArePathsAndMore: members whose names a path would shorten, folders and files
// with the mark of members in their names.
func TestNamesThatArePathsAndMore(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "d#1.tar"), 0o700))
	var shard bytes.Buffer
	w := tar.NewWriter(&shard)
	members := []string{"../../up.jpg", "a//b.jpg", "./c.jpg", "/abs.jpg", "e#f.jpg"}
	for _, name := range members {
		must(t, w.WriteHeader(&tar.Header{Name: name, Size: int64(len(name)), Mode: 0o600}))
		_, err := w.Write([]byte(name))
		must(t, err)
	}
	must(t, w.Close())
	must(t, os.WriteFile(filepath.Join(dir, "d#1.tar", "s.tar"), shard.Bytes(), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "gone.tar#1.jpg"), []byte("a file"), 0o600))
	for _, folder := range []string{dir, ""} {
		p := &exportPictures{folder: folder}
		defer p.close()
		at := ""
		if folder == "" {
			at = dir + "/"
		}
		want := map[string]string{"gone.tar#1.jpg": "a file"}
		for _, name := range members {
			want["d#1.tar/s.tar#"+name] = name
		}
		for name, text := range want {
			if got, err := p.read(t.Context(), at+name); err != nil || string(got) != text {
				t.Errorf("%s: got %q, error %v, want %q", name, got, err, text)
			}
		}
	}
}

// TestNamesThatAreNoPaths: a name of a foreign record that is longer than any path is not
// looked at again for each of its marks.
func TestNamesThatAreNoPaths(t *testing.T) {
	p := &exportPictures{folder: t.TempDir()}
	for length, want := range map[int]bool{100: true, maxPath + 100: false} {
		_, _, ok := p.split(strings.Repeat("#", length) + ".tar#1.jpg")
		if ok != want {
			t.Errorf("%d marks: in an archive is %v, want %v", length, ok, want)
		}
	}
}

// TestACancelledSearchIsNotAMissingPicture: who leaves while an archive is gone through is not
// told that it lacks the picture.
func TestACancelledSearchIsNotAMissingPicture(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a.tar"), make([]byte, 1024), 0o600))
	left := errors.New("the caller has left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(left)
	p := &exportPictures{folder: dir}
	defer p.close()
	nothing := func(func(batch.Item, error) bool) {} // as a source whose context has ended
	if _, err := p.member(ctx, "a.tar", "a.tar#1.jpg", nothing); err != left {
		t.Errorf("error %v, want %v", err, left)
	}
}
