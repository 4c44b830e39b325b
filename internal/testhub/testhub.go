// Package testhub is a server for tests that speaks the protocol of the Hugging Face Hub,
// with its faults: redirects to another host, ranges, gates, cut transfers.
package testhub

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Commit is the commit of each repository, and Repo the name of the one that is served.
const (
	Repo   = "maker/model"
	Commit = "0123456789abcdef0123456789abcdef01234567"
)

// A Hub serves Repo, and more if it is told to. Fields are set before the first request.
type Hub struct {
	URL, CDN  string                       // addresses of the Hub and of the host with its large files
	Files     map[string][]byte            // of Repo, by path
	More      map[string]map[string][]byte // of other repositories, by name: user/name, or spaces/user/name
	Gated     bool                         // resolve wants Token
	Token     string
	Revisions []string // that Commit has besides main, such as refs/pr/1
	Base      string   // path before all others, as of a mirror: /hub

	Cut     int64                                                    // bytes after which a transfer ends; 0 for none
	Reset   bool                                                     // ends it as a broken connection, else as a clean one
	NoRange bool                                                     // answers requests for a range with the whole file
	Slow    time.Duration                                            // before each 64 KiB
	Fault   func(w http.ResponseWriter, r *http.Request) (done bool) // sees each request first; nil for none

	Later map[string][]byte // of Repo at NextCommit, which is main's once Move is called; nil for no such commit

	mu       sync.Mutex
	moved    bool
	requests []string
	oids     map[*byte]string // of large files, by their first byte
	servers  []*httptest.Server
}

// Start starts the two hosts. Close ends them.
func (h *Hub) Start() *Hub {
	hub, cdn := httptest.NewUnstartedServer(http.HandlerFunc(h.serveHub)), httptest.NewUnstartedServer(http.HandlerFunc(h.serveCDN))
	h.URL, h.CDN = "http://"+hub.Listener.Addr().String(), "http://"+cdn.Listener.Addr().String()
	h.servers = []*httptest.Server{hub, cdn}
	for _, s := range h.servers {
		s.Start()
	}
	return h
}

// Close ends the hosts.
func (h *Hub) Close() {
	for _, s := range h.servers {
		s.CloseClientConnections()
		s.Close()
	}
}

// Requests returns what was asked: host, path, range and whether a token came along.
func (h *Hub) Requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests)
}

func (h *Hub) note(host string, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	token := ""
	if r.Header.Get("Authorization") != "" {
		token = " token"
	}
	h.requests = append(h.requests, strings.TrimSpace(host+" "+r.URL.Path+" "+r.Header.Get("Range"))+token)
}

// IsLFS reports whether the Hub keeps a file as a large one, on another host.
func IsLFS(path string) bool {
	return strings.HasSuffix(path, ".gguf") || strings.HasSuffix(path, ".safetensors") || strings.HasSuffix(path, ".npz")
}

// OID returns the name of a file's blob.
func OID(path string, data []byte) string {
	if IsLFS(path) {
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:])
	}
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(data), data))
	return hex.EncodeToString(sum[:])
}

// oid is OID, computed once for each large file.
func (h *Hub) oid(path string, data []byte) string {
	if len(data) < 1<<20 {
		return OID(path, data)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.oids == nil {
		h.oids = map[*byte]string{}
	}
	if h.oids[&data[0]] == "" {
		h.oids[&data[0]] = OID(path, data)
	}
	return h.oids[&data[0]]
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", message)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message})
}

func (h *Hub) serveHub(w http.ResponseWriter, r *http.Request) {
	h.note("hub", r)
	if h.Fault != nil && h.Fault(w, r) {
		return
	}
	rest, api := strings.CutPrefix(strings.TrimPrefix(r.URL.EscapedPath(), h.Base), "/api/") // escaped: a revision may have slashes
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "/"), "models/")
	repo, path := h.repository(rest)
	ours := repo != ""
	what, path, _ := strings.Cut(path, "/")
	revision, file, _ := strings.Cut(path, "/")
	revision, _ = url.PathUnescape(revision)
	file, _ = url.PathUnescape(file)
	switch {
	case !ours && h.Token != "" && r.Header.Get("Authorization") != "":
		refuse(w, http.StatusNotFound, "RepoNotFound", "Repository not found")
	case !ours:
		refuse(w, http.StatusUnauthorized, "RepoNotFound", "Invalid username or password.")
	case h.commit(revision) == "":
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
	case api && what == "revision":
		answer(w, map[string]any{"id": repo, "sha": h.commit(revision), "cardData": map[string]any{"license": "gemma"}})
	case api && what == "tree":
		h.serveTree(w, r, h.files(repo, h.commit(revision)))
	case !api && what == "resolve":
		h.resolve(w, r, repo, h.commit(revision), file)
	default:
		http.NotFound(w, r)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// repository cuts the name of a repository from a path; "" if there is none of that name.
func (h *Hub) repository(path string) (repo, rest string) {
	for _, repo := range append(slices.Collect(maps.Keys(h.More)), Repo) {
		if rest, ok := strings.CutPrefix(path, repo+"/"); ok {
			return repo, rest
		}
	}
	return "", path
}

// serveTree lists files, two on a page.
func (h *Hub) serveTree(w http.ResponseWriter, r *http.Request, files map[string][]byte) {
	const most = 2
	at, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	var entries []map[string]any
	paths := slices.Sorted(maps.Keys(files))
	for _, p := range paths[at:min(at+most, len(paths))] {
		data := files[p]
		e := map[string]any{"type": "file", "path": p, "size": len(data), "oid": h.oid(p, data)}
		if IsLFS(p) {
			e["oid"] = strings.Repeat("b", 40) // of the pointer
			e["lfs"] = map[string]any{"oid": h.oid(p, data), "size": len(data), "pointerSize": 130}
		}
		entries = append(entries, e)
	}
	if at+most < len(paths) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?recursive=true&cursor=%d>; rel="next"`, h.URL, r.URL.Path, at+most))
	}
	answer(w, entries)
}

func (h *Hub) resolve(w http.ResponseWriter, r *http.Request, repo, commit, file string) {
	if h.Gated && r.Header.Get("Authorization") != "Bearer "+h.Token {
		status := http.StatusUnauthorized
		if r.Header.Get("Authorization") != "" {
			status = http.StatusForbidden
		}
		refuse(w, status, "GatedRepo", "Access to model "+repo+" is restricted.")
		return
	}
	data, ok := h.files(repo, commit)[file]
	w.Header().Set("X-Repo-Commit", commit)
	if !ok {
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	oid := h.oid(file, data)
	if !IsLFS(file) {
		w.Header().Set("ETag", `"`+oid+`"`)
		h.send(w, r, data)
		return
	}
	w.Header().Set("X-Linked-Etag", `"`+oid+`"`)
	w.Header().Set("X-Linked-Size", strconv.Itoa(len(data)))
	http.Redirect(w, r, h.CDN+"/"+oid+"?repo="+repo+"&commit="+commit+"&path="+url.QueryEscape(file), http.StatusFound)
}

func (h *Hub) serveCDN(w http.ResponseWriter, r *http.Request) {
	h.note("cdn", r)
	if h.Fault != nil && h.Fault(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "" { // as signed URLs of S3
		http.Error(w, "Only one auth mechanism allowed", http.StatusBadRequest)
		return
	}
	query := r.URL.Query()
	data, ok := h.files(query.Get("repo"), query.Get("commit"))[query.Get("path")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+r.URL.Path[1:]+`"`)
	h.send(w, r, data)
}
