package batch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch"
)

// FuzzMetadata reads lists of names: those of a metadata.jsonl lie in its folder.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{
		"{\"file_name\":\"a.jpg\",\"text\":\"x\"}\n\n{\"file_name\":\"b/c.png\"}\n", `{"file_name":"../a.jpg"}`, `{"file_name":"/etc/passwd"}`,
		"\ufeffa.jpg\r\nb.jpg", "\xff\xfea\x00.\x00", `{"file_name":1}`, `{"file_name":"a\u0000"}`,
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	path := filepath.Join(dir, "metadata.jsonl")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		lines, listed := batch.List(bytes.NewReader(data))
		for _, line := range lines {
			if strings.TrimSpace(line) == "" || strings.Contains(line, "\n") {
				t.Errorf("%q gives the name %q", data, line)
			}
		}
		files, err := batch.Metadata(path)
		if listed != nil && err == nil {
			t.Errorf("%q: no error, want %v", data, listed)
		}
		for _, name := range files {
			if inside, err := filepath.Rel(dir, name); err != nil || !filepath.IsLocal(inside) {
				t.Errorf("%q leads to %q", data, name)
			}
		}
	})
}
