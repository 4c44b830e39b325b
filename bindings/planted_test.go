//go:build linux

package bindings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlantedLibraryIsIgnored puts a file with the core's name into the working
// directory: a search by bare name does not find it there, where an archive or a
// download may have left it. The same file is read if it is named by its path.
func TestPlantedLibraryIsIgnored(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	const planted = "not a shared library"
	for _, name := range coreNames() {
		if err := os.WriteFile(name, []byte(strings.Repeat("planted ", 100)), 0o700); err != nil {
			t.Fatal(err)
		}
		if lib, err := openShared(name); err == nil {
			t.Logf("the system has %s, at %s", name, lib.path)
		} else if strings.Contains(err.Error(), planted) || strings.Contains(err.Error(), "invalid ELF") || strings.Contains(err.Error(), dir) {
			t.Errorf("%s in the working directory is read: %v", name, err)
		}
		for _, path := range []string{"./" + name, filepath.Join(dir, name), dir} {
			if _, err := openShared(path); err == nil || !strings.Contains(err.Error(), planted) {
				t.Errorf("openShared(%q): %v, want an error with %q", path, err, planted)
			}
		}
	}
	for _, path := range defaultPaths() {
		if !filepath.IsAbs(path) && path != filepath.Base(path) {
			t.Errorf("a search goes to %q, want the executable's folder, or a bare name", path)
		}
	}
}
