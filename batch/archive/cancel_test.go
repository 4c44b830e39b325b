package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/internal/testctx"
)

// TestAMemberThatIsPassedOverEndsWithItsContext: a compressed archive unpacks what nobody
// reads. This one is cut behind the place where its caller leaves.
func TestAMemberThatIsPassedOverEndsWithItsContext(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	w := tar.NewWriter(z)
	must(t, w.WriteHeader(&tar.Header{Name: "zeros", Size: 8 << 20, Mode: 0o644}))
	_, err := w.Write(make([]byte, 8<<20))
	must(t, err)
	must(t, z.Close())
	path := filepath.Join(t.TempDir(), "a.tar.gz")
	must(t, os.WriteFile(path, packed.Bytes()[:packed.Len()/2], 0o644))
	for _, err := range Tar(path).Items(testctx.New(t.Context(), 50)) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	}
}

// TestAMemberEndsWithItsContext: the bytes of a picture are not read to their end.
func TestAMemberEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	must(t, os.WriteFile(path, shard(t), 0o644))
	for item, err := range Tar(path).Items(t.Context()) {
		must(t, err)
		if _, err := item.Read(testctx.New(t.Context(), 0)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want %v", item.Name, err, context.Canceled)
		}
	}
}
