package main

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pgcli/paligemma/internal/testengine"
	"github.com/pgcli/paligemma/internal/testhub"
)

// useEngine has commands of a program without a ggml of its own use the tests' one.
func useEngine(t *testing.T) {
	t.Helper()
	if !builtIn {
		t.Setenv("PALIGEMMA_GGML", testengine.Shared(t))
	}
}

// atHub makes a hub of files the one that commands ask, with an empty cache.
func atHub(t *testing.T, h *testhub.Hub) *testhub.Hub {
	t.Helper()
	useEngine(t)
	h.Start()
	t.Cleanup(h.Close)
	home := t.TempDir()
	for name, value := range map[string]string{"HF_ENDPOINT": h.URL, "HF_HOME": home, "XDG_CACHE_HOME": home, "HOME": home, "LocalAppData": home, "USERPROFILE": home, "HF_TOKEN": "", "HF_HUB_CACHE": "", "LLAMA_CACHE": "", "HF_HUB_OFFLINE": "", modelVariable: ""} {
		t.Setenv(name, value)
	}
	return h
}

// pgcli runs a command, and returns its output, messages and exit code.
func pgcli(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"pgcli"}, args...), strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

// checkpoint returns the files of a checkpoint of the oracle.
func checkpoint(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	root := "../../testdata/oracle/pg1-a"
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		files[filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestCheckpointFromTheHub: -hf answers as -m does with the same checkpoint converted,
// the second time without the Hub, and pgcli models removes all of it.
func TestCheckpointFromTheHub(t *testing.T) {
	h := atHub(t, &testhub.Hub{Files: checkpoint(t), Gated: true, Token: "hf_x"})
	ask := []string{"tokenize", "a cat", "-hf", testhub.Repo + ":q8_0"}
	if _, errs, code := pgcli(t, ask...); code != exitFailed || !strings.Contains(errs, "accept it (it is free), then set HF_TOKEN") {
		t.Errorf("without a token: code %d, %q", code, errs)
	}
	got, errs, code := pgcli(t, append(ask, "--hf-token", "hf_x")...)
	if code != 0 {
		t.Fatalf("code %d: %s", code, errs)
	}
	if strings.Count(errs, `the licence "gemma"`) != 1 {
		t.Errorf("the licence is not named once: %s", errs)
	}
	local := filepath.Join(t.TempDir(), "local.gguf")
	fetched := filepath.Join(t.TempDir(), "fetched.gguf")
	for source, dst := range map[string]string{"../../testdata/oracle/pg1-a": local, "hf://" + testhub.Repo: fetched} {
		if _, errs, code := pgcli(t, "convert", source, "-o", dst, "--type", "q8_0", "--name", "x", "--hf-token", "hf_x"); code != 0 || strings.Contains(errs, "licence") {
			t.Fatalf("code %d, want 0 and no more of the licence: %s", code, errs)
		}
	}
	a, err := os.ReadFile(local)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(fetched); err != nil || !bytes.Equal(a, b) {
		t.Errorf("hf:// converts to other bytes than the folder, %v", err)
	}
	if want, errs, code := pgcli(t, "tokenize", "a cat", "-m", local); code != 0 || got != want {
		t.Errorf("got %q, want %q; %s", got, want, errs)
	}
	for _, r := range h.Requests() {
		if strings.Contains(r, "golden") && strings.Contains(r, ".safetensors") {
			t.Errorf("%q: fetched without need", r)
		}
	}
	h.Close()
	if again, errs, code := pgcli(t, append(ask, "--offline")...); code != 0 || again != got {
		t.Errorf("offline: code %d, %q, %s", code, again, errs)
	}
	list, _, _ := pgcli(t, "models")
	if !strings.Contains(list, testhub.Repo) || !strings.Contains(list, "maker--model@"+testhub.Commit+"-q8_0.gguf") {
		t.Errorf("list: %s", list)
	}
	if _, errs, code := pgcli(t, "models", "--remove", testhub.Repo); code != 0 || strings.Count(errs, "removed") != 2 {
		t.Errorf("code %d, %s", code, errs)
	}
	if list, _, _ := pgcli(t, "models"); list != "" {
		t.Errorf("left: %s", list)
	}
}

// TestNoSocketUnlessAsked watches the only places that a command could connect to: the
// Hub and every proxy are a listener that counts.
func TestNoSocketUnlessAsked(t *testing.T) {
	atHub(t, &testhub.Hub{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var connections atomic.Int32
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			c.Close()
		}
	}()
	address := "http://" + listener.Addr().String()
	for _, name := range []string{"HF_ENDPOINT", "MODEL_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, address)
	}
	tiny := "../../models/tiny.gguf"
	for _, args := range [][]string{{"tokenize", "a"}, {"tokenize", "a", "-m", tiny}, {"info", tiny}, {"models"}, {"version"}, {"devices"}, {"run", "-m", "google/paligemma", "a"},
		{"convert", "google/paligemma", "-o", "x.gguf", "--type", "q8_0"}, {"tokenize", "a", "-hf", "a/b", "--offline"}, {"help"}, {}} {
		pgcli(t, args...)
		if n := connections.Load(); n != 0 {
			t.Fatalf("pgcli %q opens %d connections", args, n)
		}
	}
	pgcli(t, "tokenize", "a", "-hf", "a/b")
	if connections.Load() == 0 {
		t.Error("-hf connects to nothing: this test sees no connection")
	}
}

// TestHubMistakes wants messages that say what to write instead.
func TestHubMistakes(t *testing.T) {
	atHub(t, &testhub.Hub{Files: map[string][]byte{"README.md": []byte("x")}})
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"tokenize", "a", "-hf", "paligemma"}, exitUsage, "want user/repo"},
		{[]string{"tokenize", "a", "-hff", "x.gguf"}, exitUsage, "-hff names a file of the repository of -hf"},
		{[]string{"tokenize", "a", "-hf", "a/b", "-m", "c.gguf"}, exitUsage, "both name the model"},
		{[]string{"tokenize", "a", "-hf", "a/b"}, exitFailed, "is its name right"},
		{[]string{"tokenize", "a", "-hf", testhub.Repo}, exitFailed, "neither GGUF files nor safetensors"},
		{[]string{"tokenize", "a", "-hf", testhub.Repo + ":q9"}, exitUsage, `"q9" is none of the types f32`},
		{[]string{"tokenize", "a", "-hf", testhub.Repo, "-hff", "x.gguf"}, exitFailed, "has no GGUF files"},
		{[]string{"convert", "hf://a/b:q8_0", "-o", "x.gguf", "--type", "q8_0"}, exitUsage, "comes with --type"},
		{[]string{"models", "--remove", "../x"}, exitUsage, "is no model of the list"},
		{[]string{"models", "--remove", ""}, exitUsage, `"" is no model of the list`},
	} {
		if _, errs, code := pgcli(t, c.args...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%q: code %d, want %d; %q, want %q", c.args, code, c.code, errs, c.want)
		}
	}
}

// TestHubWithoutAPlace: folders that cannot be made or found are named, with what to set.
func TestHubWithoutAPlace(t *testing.T) {
	atHub(t, &testhub.Hub{Files: checkpoint(t)})
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	inFile := filepath.Join(file, "folder")
	cache, home := "XDG_CACHE_HOME", "HOME" // which the converted models and the Hub's cache are found by
	switch runtime.GOOS {
	case "windows":
		cache, home = "LocalAppData", "USERPROFILE"
	case "darwin":
		cache = home
	}
	ask := []string{"tokenize", "a cat", "-hf", testhub.Repo}
	check := func(want string) {
		t.Helper()
		if _, errs, code := pgcli(t, ask...); code != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("code %d, want %d; %q, want %q", code, exitFailed, errs, want)
		}
	}
	t.Setenv(cache, inFile)
	check("convert to a file of your choice: pgcli convert hf://" + testhub.Repo)
	t.Setenv("HF_HOME", inFile)
	check("set HF_HOME to a folder that you may write to")
	t.Setenv(home, "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HF_HOME", "")
	check("has no place")
	t.Setenv("HF_HOME", t.TempDir())
	if _, errs, code := pgcli(t, "models"); code != 0 || !strings.Contains(errs, "no models in") {
		t.Errorf("models without a home: code %d, %s", code, errs)
	}
	t.Setenv(cache, t.TempDir())
	t.Setenv("HF_HOME", t.TempDir())
	if cache == home {
		return // the converted models need it
	}
	if _, errs, code := pgcli(t, ask...); code != 0 {
		t.Errorf("without a home, but with HF_HOME: code %d, %s", code, errs)
	}
}
