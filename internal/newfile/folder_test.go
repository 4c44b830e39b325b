package newfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/internal/testlink"
)

// TestRenameFolder: a folder takes the place of nothing, or of an empty folder.
func TestRenameFolder(t *testing.T) {
	for name, there := range map[string]struct {
		make func(path string)
		gone bool
	}{
		"nothing":           {func(string) {}, true},
		"an empty folder":   {func(path string) { must(t, os.Mkdir(path, 0o700)) }, true},
		"a folder":          {func(path string) { must(t, os.MkdirAll(filepath.Join(path, "x"), 0o700)) }, false},
		"a file":            {func(path string) { must(t, os.WriteFile(path, nil, 0o600)) }, false},
		"a link to nothing": {func(path string) { testlink.Make(t, "nowhere", path) }, false},
		"a link to a folder": {func(path string) {
			must(t, os.Mkdir(path+"2", 0o700))
			testlink.Make(t, filepath.Base(path)+"2", path)
		}, false},
	} {
		dir := t.TempDir()
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
		must(t, os.MkdirAll(filepath.Join(from, "mine"), 0o700))
		there.make(to)
		before, _ := os.Lstat(to)
		err := RenameFolder(from, to)
		after, _ := os.Lstat(to)
		switch _, mine := os.Lstat(filepath.Join(to, "mine")); {
		case there.gone && (err != nil || mine != nil):
			t.Errorf("over %s: %v, and the folder's file is %v", name, err, mine)
		case !there.gone && (err == nil || !os.SameFile(before, after)):
			t.Errorf("over %s: error %v, and it is there: %v", name, err, os.SameFile(before, after))
		}
	}
}
