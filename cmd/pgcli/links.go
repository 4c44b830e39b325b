package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/internal/hub"
	"github.com/pgcli/paligemma/internal/infile"
)

// Schemes of files that are fetched to be converted.
const (
	kaggleScheme = "kaggle:"
	googleScheme = "gs://" // a public file of Google's storage
)

// hubPage matches pages of the Hub; its group matches in pages of files alone.
var hubPage = regexp.MustCompile(`^https?://(?:huggingface\.co|hf\.co)/(?:spaces/)?[^/]+/[^/]+/?(/(?:resolve|blob)/.+)?$`)

// linked reports whether a path is the address of a file.
func linked(path string) bool {
	if m := hubPage.FindStringSubmatch(path); m != nil {
		return m[1] != ""
	}
	for _, scheme := range []string{"https://", "http://", googleScheme, kaggleScheme} {
		if strings.HasPrefix(path, scheme) {
			return true
		}
	}
	return false
}

// fetchLink returns the place of the file at an address, which it fetches once; any other
// path is returned as it is.
func fetchLink(c *cli.Context, address string) (string, error) {
	if !linked(address) {
		return address, nil
	}
	h, done, err := newHub(c)
	if err != nil {
		return "", err
	}
	defer done()
	link := hub.Link{URL: address}
	switch rest, kaggle := strings.CutPrefix(address, kaggleScheme); {
	case kaggle:
		if link, err = kaggleLink(c.Context, h, rest); err != nil {
			return "", err
		}
	case strings.HasPrefix(address, googleScheme):
		link.URL = "https://storage.googleapis.com/" + strings.TrimPrefix(address, googleScheme)
	case hubPage.MatchString(address): // the page about a file has another address than the file
		link.URL = strings.Replace(address, "/blob/", "/resolve/", 1)
	}
	u, err := url.Parse(link.URL)
	if err != nil {
		return "", usagef("%s is no address: %v", address, err)
	}
	dir, err := convertedDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(link.URL))
	dst := filepath.Join(dir, fmt.Sprintf("%x-%s", sum[:6], path.Base(u.Path)))
	if path.Base(u.Path) == "." || path.Base(u.Path) == "/" {
		return "", usagef("%s names no file", address)
	}
	if err := h.Fetch(c.Context, link, dst); err != nil {
		return "", fmt.Errorf("%s: %w", address, err)
	}
	return dst, nil
}

var kaggleForm = regexp.MustCompile(`^([\w-]+/[\w.-]+/[\w-]+/[\w.-]+)(?:/(\d+))?/([\w.-]+)$`)

// kaggleLink returns the link of OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]/FILE, of the
// newest version unless one is named.
func kaggleLink(ctx context.Context, h *hub.Hub, name string) (hub.Link, error) {
	m := kaggleForm.FindStringSubmatch(name)
	if m == nil {
		return hub.Link{}, usagef("%s%s is no file of a model on Kaggle, want OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]/FILE, such as %[1]sgoogle/paligemma/jax/paligemma-3b-pt-224/paligemma-3b-pt-224.f16.npz", kaggleScheme, name)
	}
	endpoint := strings.TrimRight(cmp.Or(os.Getenv("KAGGLE_API_ENDPOINT"), "https://www.kaggle.com"), "/")
	authorization, err := kaggleAuthorization()
	if err != nil {
		return hub.Link{}, err
	}
	link := hub.Link{Header: http.Header{"Authorization": {authorization}}}
	link.Refuse = func(r *http.Response) error {
		page := endpoint + "/models/" + strings.Join(strings.Split(m[1], "/")[:2], "/")
		switch r.StatusCode {
		case http.StatusUnauthorized:
			return fmt.Errorf("kaggle.com refuses the credentials: make new ones at %s/settings, and set KAGGLE_USERNAME and KAGGLE_KEY", endpoint)
		case http.StatusForbidden:
			return fmt.Errorf("%s %w: open %s, accept it (it is free), and try again", m[1], hub.ErrGated, page)
		case http.StatusNotFound:
			return fmt.Errorf("%s: %w; its variations and files are at %s", name, hub.ErrNotFound, page)
		}
		return fmt.Errorf("kaggle.com answers %s", r.Status)
	}
	version := m[2]
	if version == "" {
		var newest struct {
			Version int `json:"versionNumber"`
		}
		link.URL = endpoint + "/api/v1/models/" + m[1] + "/get"
		if err := h.FetchJSON(ctx, link, &newest); err != nil {
			return hub.Link{}, fmt.Errorf("%s%s: %w", kaggleScheme, name, err)
		}
		version = fmt.Sprint(newest.Version)
	}
	link.URL = endpoint + "/api/v1/models/" + m[1] + "/" + version + "/download/" + m[3]
	return link, nil
}

// kaggleAuthorization returns the header that Kaggle's own programs send.
func kaggleAuthorization() (string, error) {
	credentials := struct{ Username, Key string }{os.Getenv("KAGGLE_USERNAME"), os.Getenv("KAGGLE_KEY")}
	if credentials.Username == "" || credentials.Key == "" {
		home, _ := os.UserHomeDir()
		file := filepath.Join(cmp.Or(os.Getenv("KAGGLE_CONFIG_DIR"), filepath.Join(home, ".kaggle")), "kaggle.json")
		data, err := infile.Read(file, 1<<16)
		if err == nil {
			err = json.Unmarshal(data, &credentials)
		}
		if err != nil || credentials.Username == "" || credentials.Key == "" {
			return "", fmt.Errorf("kaggle.com wants an account: set KAGGLE_USERNAME and KAGGLE_KEY, or put the kaggle.json of https://www.kaggle.com/settings at %s", file)
		}
	}
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(credentials.Username, credentials.Key)
	return r.Header.Get("Authorization"), nil
}
