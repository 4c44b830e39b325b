package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testhub"
)

// TestLongNamesOfRepositories merges an adapter into a model whose names together are longer
// than a file's may be, and finds the file again, by its name and to remove it.
func TestLongNamesOfRepositories(t *testing.T) {
	base := t.TempDir()
	c := synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma), Format: convert.HuggingFace, Type: gguf.F32, Seed: 7, Shards: 1}
	must(t, c.Write(base))
	long := strings.Repeat("u", 90) + "/" + strings.Repeat("r", 90)
	adapter := folderFiles(t, "../../convert/testdata/adapter/*")
	adapter[adapterName] = bytes.Replace(adapter[adapterName], []byte("{"), []byte(`{"base_model_name_or_path": "`+long+`",`), 1)
	h := atHub(t, &testhub.Hub{Files: adapter, More: map[string]map[string][]byte{long: folderFiles(t, filepath.Join(base, "*"))}})
	if _, errs, code := pgcli(t, "tokenize", "a", "-hf", testhub.Repo+":q8_0"); code != 0 {
		t.Fatalf("code %d: %s", code, errs)
	}
	h.Close()
	if _, errs, code := pgcli(t, "tokenize", "a", "-hf", testhub.Repo+":q8_0", "--offline"); code != 0 {
		t.Errorf("the converted file is not found again: code %d: %s", code, errs)
	}
	if _, errs, code := pgcli(t, "models", "--remove", testhub.Repo); code != 0 {
		t.Errorf("code %d: %s", code, errs)
	}
	dir, err := convertedDir()
	must(t, err)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("after --remove %v, %v are left", left, err)
	}
}

// TestConvertedNames: a name fits into a file system, begins with its repository, and tells
// ids and types apart whose beginnings are the same.
func TestConvertedNames(t *testing.T) {
	short := testhub.Repo + "@" + testhub.Commit
	if got, want := convertedName(short, "q8_0"), short+"-q8_0.gguf"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	repo := strings.Repeat("u", 96) + "--" + strings.Repeat("r", 96) + "@"
	seen := map[string]bool{}
	for _, id := range []string{repo + testhub.Commit, repo + testhub.NextCommit, repo + testhub.Commit + "+" + repo + testhub.Commit, repo + testhub.Commit + "+" + repo + testhub.NextCommit} {
		for _, typ := range convert.Types() {
			name := convertedName(id, typ)
			if len(name) > mostName || !strings.HasPrefix(name, repo) || !strings.HasSuffix(name, "-"+typ+".gguf") || seen[name] {
				t.Errorf("%s: want another name of at most %d bytes that begins with %s and ends with the type %s", name, mostName, repo, typ)
			}
			seen[name] = true
		}
	}
}
