package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
)

// TestABrokenFileIsNamedOnce: the error of a GGUF file that cannot be read begins with its
// name, or that of the part that is broken, and has it once.
func TestABrokenFileIsNamedOnce(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.gguf", "b-00001-of-00002.gguf"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("GGUF\x03\x00\x00\x00"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := convert.Run(t.Context(), path, filepath.Join(dir, "out.gguf"), convert.Options{Type: "q8_0"})
		if err == nil || strings.Count(err.Error(), name) != 1 || !strings.HasPrefix(err.Error(), "convert: "+path+": ") {
			t.Errorf("%s: %v, want an error that names it once", name, err)
		}
	}
}
