package batch_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/batch"
)

// tree fills a folder with random files and folders, of names that patterns and sorting
// may take for something else.
func tree(t *testing.T, random *rand.Rand, dir string, depth int) {
	t.Helper()
	names := []string{"a", "a.jpg", "a-b.png", "A.JPG", ".hidden.jpg", "b[1].jpg", "c*.png", "ä.jpg", "z z.webp", "notes.txt", "-.gif", "#1.jpg", "sub", "sub.jpg", "sub-1", ".git"}
	for _, name := range names {
		path := filepath.Join(dir, name)
		switch {
		case runtime.GOOS == "windows" && strings.Contains(name, "*"): // no name there
		case random.IntN(3) == 0:
		case depth > 0 && random.IntN(3) == 0:
			must(t, os.Mkdir(path, 0o755))
			tree(t, random, path, depth-1)
		default:
			must(t, os.WriteFile(path, nil, 0o644))
		}
	}
	if err := os.Symlink(dir, filepath.Join(dir, "loop.jpg")); err != nil && depth == 0 {
		t.Logf("no links: %v", err)
	}
}

// TestFoldersAreWalkedByName: as filepath.WalkDir does, without other files, and Look
// counts the same.
func TestFoldersAreWalkedByName(t *testing.T) {
	for seed := range uint64(20) {
		root := t.TempDir()
		tree(t, rand.New(rand.NewPCG(seed, 1)), root, 3)
		var want []string
		files := 0
		must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			hidden := strings.HasPrefix(d.Name(), ".")
			switch {
			case err != nil:
				return err
			case d.IsDir() && hidden:
				return fs.SkipDir
			case d.IsDir():
				return nil
			}
			files++
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !hidden && batch.IsPicture(path) {
				want = append(want, path)
			}
			return nil
		}))
		var got []string
		for item, err := range batch.Folder(root).Items(t.Context()) {
			must(t, err)
			got = append(got, item.Name)
		}
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Fatalf("seed %d: got\n%q\nwant\n%q", seed, got, want)
		}
		pictures, others, err := batch.Folder(root).Look(t.Context())
		if err != nil || pictures != len(want) || pictures+others != files {
			t.Errorf("seed %d: %d pictures and %d others, %v, want %d of %d", seed, pictures, others, err, len(want), files)
		}
	}
}

// TestPatternsAreGlobs: as filepath.Glob has them.
func TestPatternsAreGlobs(t *testing.T) {
	root := t.TempDir()
	tree(t, rand.New(rand.NewPCG(1, 1)), root, 2)
	t.Chdir(root)
	matches := 0
	for _, pattern := range []string{"*", "*.jpg", "./*.jpg", "*/*.jpg", "*/*/*", "[a-c]*", "b[[]1].jpg", `b\[1\].jpg`, `c\*.png`, "*[*]*", "?.jpg", "ä*", "none*", "sub/*", "a.jpg/*", ".*", "*/a.jpg", filepath.Join(root, "*"), "../*/*.jpg"} {
		want, err := filepath.Glob(pattern)
		must(t, err)
		var got []string
		for path, err := range batch.Glob(t.Context(), pattern) {
			must(t, err)
			got = append(got, path)
		}
		slices.Sort(want)
		sorted := slices.Sorted(slices.Values(got))
		if !slices.Equal(sorted, want) {
			t.Errorf("%q: got %q, want %q", pattern, got, want)
		}
		matches += len(got)
	}
	if matches < 50 {
		t.Errorf("only %d matches", matches)
	}
	for _, pattern := range []string{"[", "a[", "*/[", "[/*"} {
		for _, err := range batch.Glob(t.Context(), pattern) {
			if !errors.Is(err, filepath.ErrBadPattern) {
				t.Errorf("%q: error %v, want %v", pattern, err, filepath.ErrBadPattern)
			}
		}
	}
}

// TestAFolderThatIsGone, or cannot be listed, is an error after the pictures before it.
func TestAFolderThatIsGone(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		must(t, os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i), "a.jpg"), nil, 0o644))
	}
	var got []string
	var failed error
	for item, err := range batch.Folder(dir).Items(t.Context()) {
		if err != nil {
			failed = err
			continue
		}
		got = append(got, item.Name)
		os.RemoveAll(filepath.Join(dir, "1"))
	}
	if len(got) != 1 || !errors.Is(failed, fs.ErrNotExist) || !strings.Contains(failed.Error(), filepath.Join(dir, "1")) {
		t.Errorf("got %q and %v, want one picture and an error about folder 1", got, failed)
	}
	if _, _, err := batch.Folder(filepath.Join(dir, "0", "a.jpg")).Look(t.Context()); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("of a file: %v", err)
	}
}
