package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/internal/testhub"
	"github.com/pgcli/paligemma/internal/testrace"
)

// cacheFolder makes a file of the Hub's cache.
func cacheFolder(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(os.Getenv("HF_HOME"), "hub", name, "blobs", strings.Repeat("a", 40))
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte("x"), 0o600))
}

// TestModelsOfOtherPrograms: models of other programs, whose names may have no user, are
// listed and removed as ours, and no name does anything to a terminal.
func TestModelsOfOtherPrograms(t *testing.T) {
	atHub(t, &testhub.Hub{})
	names := map[string]string{"models--bert-base-uncased": "bert-base-uncased", "models--a--b": "a/b", "spaces--a--b": "spaces/a/b", "models--c--d--e": "c/d--e"}
	for folder := range names {
		cacheFolder(t, folder)
	}
	cacheFolder(t, "datasets--a--b")
	for folder, name := range names {
		list, _, _ := pgcli(t, "models")
		if !strings.Contains(list, "  "+name+"\n") || strings.Contains(list, "datasets") {
			t.Errorf("the list lacks %s, or has a data set:\n%s", name, list)
		}
		if _, errs, code := pgcli(t, "models", "--remove", name); code != 0 {
			t.Errorf("%s: code %d, %s", name, code, errs)
		}
		if flags.Exists(filepath.Join(os.Getenv("HF_HOME"), "hub", folder)) {
			t.Errorf("%s is still there", folder)
		}
	}
	if list, errs, code := pgcli(t, "models"); code != 0 || list != "" || !strings.Contains(errs, "no models in") {
		t.Errorf("code %d, left: %s; %s", code, list, errs)
	}
	if filepath.Separator == '\\' {
		return // no such names
	}
	cacheFolder(t, "models--a--\x1b[2Jb\x9b")
	if list, _, code := pgcli(t, "models"); code != 0 || strings.Contains(list, "\x1b") || strings.Contains(list, "\x9b") || !strings.Contains(list, `a/\x1b[2Jb`) {
		t.Errorf("code %d, %q", code, list)
	}
}

// TestModelsWhileFilesVanish: the list is there while others rename and remove files.
func TestModelsWhileFilesVanish(t *testing.T) {
	atHub(t, &testhub.Hub{})
	var all sync.WaitGroup
	end := make(chan struct{})
	all.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-end:
				return
			default:
			}
			path := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--a--b", "blobs", fmt.Sprint(n%50))
			_ = os.MkdirAll(filepath.Dir(path), 0o700)
			_ = os.WriteFile(path, nil, 0o600)
			_ = os.RemoveAll(filepath.Join(os.Getenv("HF_HOME"), "hub", "models--a--b", "blobs", fmt.Sprint((n+25)%50)))
			if n%100 == 99 {
				_ = os.RemoveAll(filepath.Join(os.Getenv("HF_HOME"), "hub", "models--a--b"))
			}
		}
	})
	for range testrace.Share(300) {
		if _, errs, code := pgcli(t, "models"); code != 0 {
			t.Errorf("code %d: %s", code, errs)
			break
		}
	}
	close(end)
	all.Wait()
}
