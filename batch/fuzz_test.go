package batch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch"
)

// FuzzMetadata reads lists of names: those of a metadata.jsonl or metadata.csv lie in its
// folder.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{
		"{\"file_name\":\"a.jpg\",\"text\":\"x\"}\n\n{\"file_name\":\"b/c.png\"}\n", `{"file_name":"../a.jpg"}`, `{"file_name":"/etc/passwd"}`,
		"\ufeffa.jpg\r\nb.jpg", "\xff\xfea\x00.\x00", `{"file_name":1}`, `{"file_name":"a\u0000"}`,
		"file_name,text\na.jpg,\"x\n\"\nb.jpg\n", "text,file_name\nx,..\\a.jpg\n",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		var listed error
		for line, err := range batch.Lines(bytes.NewReader(data)) {
			listed = err
			if err == nil && (strings.TrimSpace(line) == "" || strings.Contains(line, "\n")) {
				t.Errorf("%q gives the name %q", data, line)
			}
		}
		for _, name := range []string{"metadata.jsonl", "metadata.csv"} {
			path := filepath.Join(dir, name)
			must(t, os.WriteFile(path, data, 0o644))
			var failed error
			for item, err := range batch.Metadata(path).Items(t.Context()) {
				if failed = err; err != nil {
					break
				}
				if inside, err := filepath.Rel(dir, item.Name); err != nil || !filepath.IsLocal(inside) {
					t.Errorf("%s: %q leads to %q", name, data, item.Name)
				}
			}
			if listed != nil && failed == nil {
				t.Errorf("%s: %q: no error, want %v", name, data, listed)
			}
		}
	})
}
