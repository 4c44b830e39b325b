package testhub

import "slices"

// NextCommit is the commit of Repo that has the files of [Hub].Later.
const NextCommit = "76543210fedcba9876543210fedcba9876543210"

// Move makes main the branch of NextCommit. Commit stays, under its own name.
func (h *Hub) Move() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moved = true
}

// commit returns the commit of a revision; "" if there is none.
func (h *Hub) commit(revision string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case revision == "main" && h.moved, revision == NextCommit && h.Later != nil:
		return NextCommit
	case revision == "main" || revision == Commit || slices.Contains(h.Revisions, revision):
		return Commit
	}
	return ""
}

// files returns the files of a repository at a commit.
func (h *Hub) files(repo, commit string) map[string][]byte {
	switch {
	case repo != Repo:
		return h.More[repo]
	case commit == NextCommit:
		return h.Later
	}
	return h.Files
}
