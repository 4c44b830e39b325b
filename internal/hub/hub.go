// Package hub fetches files of models from the Hugging Face Hub, or from a server that
// speaks its protocol, into the cache that huggingface_hub and llama.cpp share:
//
//	models--USER--NAME/refs/REVISION            the commit of a branch or tag
//	models--USER--NAME/blobs/OID                content, named by its hash
//	models--USER--NAME/snapshots/COMMIT/PATH -> ../../blobs/OID
//
// A blob gets its name only when it is complete and its hash is right. Until then it is
// OID.pgcli.partial, with which the next call goes on. A lock that ends with its process
// keeps a repository from being removed while it is used.
package hub

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Hub is a server with a cache. Its fields must not change once it is used; then it is
// safe for concurrent use.
type Hub struct {
	Endpoint string // "https://huggingface.co", without a slash at its end
	Cache    string // folder of the cache
	Token    string // sent to the endpoint's host alone; "" for none
	Offline  bool   // only the cache is read

	Transport http.RoundTripper                    // nil means one with timeouts
	Stalled   time.Duration                        // a transfer without a byte for as long has failed; 0 means 30 s
	Wait      time.Duration                        // before the second try, twice as long before the third; 0 means 2 s
	Progress  func(file string, done, total int64) // called from several goroutines; nil for none
	Notice    func(text string)                    // what the user should know; nil for nobody

	other bool // the server of a Link, which is not the Hub
}

// DefaultEndpoint is the Hub that models are fetched from if nothing else is said.
const DefaultEndpoint = "https://huggingface.co"

// FromEnvironment returns the hub that huggingface_hub and llama.cpp would use: it reads
// HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE, and the other
// names that these programs have for them. home is the user's folder, "" if there is none:
// then Cache is "" unless the environment names a folder. readToken reads the token's file;
// it returns "" if there is none.
func FromEnvironment(getenv func(string) string, home string, readToken func(path string) string) *Hub {
	first := func(values ...string) string {
		for _, v := range values {
			if v != "" {
				return v
			}
		}
		return ""
	}
	below := func(dir string, names ...string) string {
		if dir == "" {
			return ""
		}
		return filepath.Join(append([]string{expand(dir, home)}, names...)...)
	}
	hf := first(below(getenv("HF_HOME")), below(getenv("XDG_CACHE_HOME"), "huggingface"), below(home, ".cache", "huggingface"))
	h := &Hub{
		Endpoint: strings.TrimRight(first(getenv("MODEL_ENDPOINT"), getenv("HF_ENDPOINT"), DefaultEndpoint), "/"),
		Cache:    first(below(getenv("LLAMA_CACHE")), below(getenv("HF_HUB_CACHE")), below(getenv("HUGGINGFACE_HUB_CACHE")), below(hf, "hub")),
		Token:    CleanToken(first(getenv("HF_TOKEN"), getenv("HUGGING_FACE_HUB_TOKEN"))),
	}
	if h.Token == "" {
		h.Token = CleanToken(readToken(first(below(getenv("HF_TOKEN_PATH")), below(hf, "token"))))
	}
	switch strings.ToUpper(first(getenv("HF_HUB_OFFLINE"), getenv("TRANSFORMERS_OFFLINE"))) {
	case "1", "ON", "YES", "TRUE":
		h.Offline = true
	}
	return h
}

// CleanToken takes out of a token what files and copying leave around it, as huggingface_hub does.
func CleanToken(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(s))
}

// Check refuses an endpoint or a token that no request could be made with. The error holds
// neither the token nor a password.
func (h *Hub) Check() error {
	u, err := url.Parse(h.Endpoint)
	shown := strconv.Quote(h.Endpoint)
	if strings.ContainsAny(h.Endpoint, "@?#") { // perhaps a password
		shown = "with @, ? or # in it"
	}
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("HF_ENDPOINT %s is no address of a server, want one such as %s", shown, DefaultEndpoint)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("HF_ENDPOINT %s has a user, a query or a fragment, want an address without, such as %s; HF_TOKEN takes a token", shown, DefaultEndpoint)
	case strings.ContainsFunc(h.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("the token of the Hub (--hf-token, HF_TOKEN or its file) has %d characters, not all of which a token may have, want letters, digits and _", len(h.Token))
	}
	return nil
}

// expand replaces a ~ at the start of a path, as huggingface_hub does.
func expand(path, home string) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || rest[0] == '/') {
		return home + rest
	}
	return path
}

// A Name is what a user writes for a model: user/repo[:type][@revision].
type Name struct {
	Repo     string // user/repo
	Type     string // such as q4_k_m; "" for the default
	Revision string // a branch, tag or commit; "main" if none is named
}

var (
	repoForm     = regexp.MustCompile(`^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$`)
	revisionForm = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*$`)
	typeForm     = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	commitForm   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	oidForm      = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// ParseName reads user/repo[:type][@revision], perhaps after hf://, hf.co/ or the Hub's
// address.
func ParseName(s string) (Name, error) {
	rest := s
	for _, prefix := range []string{"hf://", "https://huggingface.co/", "https://hf.co/", "huggingface.co/", "hf.co/"} {
		if cut, ok := strings.CutPrefix(rest, prefix); ok {
			rest = cut
			break
		}
	}
	n := Name{Revision: "main"}
	rest, revision, hasRevision := strings.Cut(rest, "@")
	repo, typ, hasType := strings.Cut(strings.TrimSuffix(rest, "/"), ":")
	n.Repo, n.Type = repo, typ
	if hasRevision {
		n.Revision = revision
	}
	switch {
	case !repoForm.MatchString(repo) || strings.Contains(repo, "..") || strings.Contains(repo, "--"):
		return n, fmt.Errorf("%q is no name of a model on the Hub: want user/repo[:type][@revision], such as google/paligemma2-3b-mix-448:q4_k_m", s)
	case hasType && !typeForm.MatchString(typ):
		return n, fmt.Errorf("%q: the type %q after the colon has other characters than letters, digits, - and _", s, typ)
	case !revisionForm.MatchString(n.Revision) || strings.Contains(n.Revision, ".."):
		return n, fmt.Errorf("%q: the revision %q after the @ is no branch, tag or commit", s, n.Revision)
	}
	return n, nil
}

// spacePrefix starts the name of a repository that holds a program, not a model.
const spacePrefix = "spaces/"

// apiPath returns the name of a repository in the addresses of the API.
func apiPath(repo string) string {
	if strings.HasPrefix(repo, spacePrefix) {
		return repo
	}
	return "models/" + repo
}

// folder returns the folder of a repository in the cache.
func (h *Hub) folder(repo string) string {
	return filepath.Join(h.Cache, strings.ReplaceAll(apiPath(repo), "/", "--"))
}

func (h *Hub) notice(format string, args ...any) {
	if h.Notice != nil {
		h.Notice(fmt.Sprintf(format, args...))
	}
}
