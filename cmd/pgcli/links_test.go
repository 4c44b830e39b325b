package main

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/synthetic"
	"github.com/pgcli/paligemma/internal/testhub"
)

// A kaggle serves files as Kaggle does, which sends downloads to another host.
type kaggle struct {
	files   map[string][]byte
	status  int    // of downloads; 0 for success
	damage  bool   // changes a byte on its way
	api     string // address
	storage string
	stray   []string // requests to storage with credentials
}

func startKaggle(t *testing.T, k *kaggle) {
	t.Helper()
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			k.stray = append(k.stray, r.URL.Path)
		}
		data := bytes.Clone(k.files[path.Base(r.URL.Path)])
		sum := md5.Sum(data)
		w.Header().Add("X-Goog-Hash", "crc32c=AAAAAA==")
		w.Header().Add("X-Goog-Hash", "md5="+base64.StdEncoding.EncodeToString(sum[:]))
		if k.damage {
			data[len(data)/2] ^= 1
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	t.Cleanup(storage.Close)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const model = "/api/v1/models/google/paligemma/jax/tiny/"
		user, key, _ := r.BasicAuth()
		name, download := strings.CutPrefix(r.URL.Path, model+"3/download/")
		switch {
		case user != "me" || key != "secret":
			w.WriteHeader(http.StatusUnauthorized)
		case k.status != 0:
			w.WriteHeader(k.status)
		case r.URL.Path == model+"get":
			_, _ = w.Write([]byte(`{"versionNumber": 3}`))
		case download && k.files[name] != nil:
			http.Redirect(w, r, storage.URL+"/"+name, http.StatusFound)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(api.Close)
	k.api, k.storage = api.URL, storage.URL
}

// TestLinks converts a file of big_vision from Kaggle, its tokenizer and a mask decoder from
// addresses, to the bytes of the same files on the disk; then without the network.
func TestLinks(t *testing.T) {
	atHub(t, &testhub.Hub{})
	dir := t.TempDir()
	c := synthetic.Checkpoint{Dims: synthetic.Tiny(convert.Gemma), Format: convert.BigVision, Type: gguf.BF16, Seed: 7}
	must(t, c.Write(dir))
	k := &kaggle{files: folderFiles(t, filepath.Join(dir, "*"))}
	k.files["vae-oid.npz"] = folderFiles(t, "../../models/tiny/vae.npz")["vae.npz"]
	startKaggle(t, k)
	t.Setenv("KAGGLE_API_ENDPOINT", k.api)
	t.Setenv("KAGGLE_USERNAME", "me")
	t.Setenv("KAGGLE_KEY", "secret")
	want, got := filepath.Join(dir, "want.gguf"), filepath.Join(dir, "got.gguf")
	flags := func(dst, name, tokenizer, masks string, more ...string) []string {
		return append([]string{"convert", name, "-o", dst, "--type", "f32", "--name", "x", "--tokenizer", tokenizer, "--mask-decoder", masks}, more...)
	}
	const file = "kaggle:google/paligemma/jax/tiny/3/model.npz"
	for _, args := range [][]string{
		flags(want, filepath.Join(dir, "model.npz"), filepath.Join(dir, "tokenizer.model"), "../../models/tiny/vae.npz"),
		flags(got, strings.Replace(file, "/3/", "/", 1), k.storage+"/bucket/tokenizer.model", "kaggle:google/paligemma/jax/tiny/vae-oid.npz"),
		flags(got, file, k.storage+"/bucket/tokenizer.model", "kaggle:google/paligemma/jax/tiny/3/vae-oid.npz", "--force", "--offline"),
	} {
		if _, errs, code := pgcli(t, args...); code != 0 {
			t.Fatalf("%q: code %d: %s", args, code, errs)
		}
	}
	a, err := os.ReadFile(want)
	must(t, err)
	if b, err := os.ReadFile(got); err != nil || !bytes.Equal(a, b) {
		t.Errorf("other bytes than of the files on the disk, %v", err)
	}
	if len(k.stray) > 0 {
		t.Errorf("credentials went to another host, for %q", k.stray)
	}
	if list, _, _ := pgcli(t, "models"); !strings.Contains(list, "-model.npz") {
		t.Errorf("the list lacks the file: %s", list)
	}
}

// TestLinked tells addresses of files from paths and repositories.
func TestLinked(t *testing.T) {
	for address, want := range map[string]bool{
		"https://storage.googleapis.com/big_vision/x.model": true, "gs://big_vision/x.npz": true, "kaggle:a/b/jax/c/d.npz": true, "http://host/x.npz": true,
		"https://huggingface.co/a/b": false, "https://huggingface.co/a/b/resolve/main/x.npz": true, "https://huggingface.co/spaces/a/b/blob/main/x.npz": true,
		"hf://a/b": false, "model.npz": false, "": false, "C:/x.npz": false,
	} {
		if got := linked(address); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}

// TestLinkMistakes wants messages that say what to do, and nothing left that passes for a file.
func TestLinkMistakes(t *testing.T) {
	const file = "kaggle:google/paligemma/jax/tiny/3/model.npz"
	for name, c := range map[string]struct {
		k       kaggle
		address string
		key     string
		flags   []string
		code    int
		want    string
	}{
		"no credentials":    {address: file, code: exitFailed, want: "set KAGGLE_USERNAME and KAGGLE_KEY, or put the kaggle.json"},
		"wrong credentials": {address: file, key: "other", code: exitFailed, want: "make new ones at"},
		"terms":             {k: kaggle{status: 403}, address: file, key: "secret", code: exitFailed, want: "/models/google/paligemma, accept it"},
		"no such file":      {address: file + "x", key: "secret", code: exitFailed, want: "its variations and files are at"},
		"no file":           {address: "kaggle:google/paligemma/jax", key: "secret", code: exitUsage, want: "want OWNER/MODEL/FRAMEWORK/VARIATION"},
		"damaged":           {k: kaggle{damage: true}, address: file, key: "secret", code: exitFailed, want: "its hash is"},
		"offline":           {address: file, key: "secret", flags: []string{"--offline"}, code: exitFailed, want: "--offline (or HF_HUB_OFFLINE) forbids"},
		"nobody there":      {address: "http://127.0.0.1:1/a/pt.npz", code: exitFailed, want: "fetch the file with another program and give its path"},
		"server":            {k: kaggle{status: 404}, address: "API/a/b/pt.npz", code: exitFailed, want: "401"},
	} {
		t.Run(name, func(t *testing.T) {
			atHub(t, &testhub.Hub{})
			k := c.k
			k.files = map[string][]byte{"model.npz": bytes.Repeat([]byte("x"), 1000)}
			startKaggle(t, &k)
			for variable, value := range map[string]string{"KAGGLE_API_ENDPOINT": k.api, "KAGGLE_USERNAME": "me", "KAGGLE_KEY": c.key, "KAGGLE_CONFIG_DIR": t.TempDir()} {
				t.Setenv(variable, value)
			}
			address := strings.Replace(c.address, "API", k.api, 1)
			_, errs, code := pgcli(t, append([]string{"convert", address, "-o", filepath.Join(t.TempDir(), "x.gguf"), "--type", "f32"}, c.flags...)...)
			if code != c.code || !strings.Contains(errs, c.want) {
				t.Errorf("code %d, want %d; %q, want %q", code, c.code, errs, c.want)
			}
			dir, err := convertedDir()
			must(t, err)
			if left, _ := filepath.Glob(filepath.Join(dir, "*.npz")); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}
