package server

import (
	"net/http"

	"github.com/pgcli/paligemma/server/page"
)

// showPage answers with the page for browsers.
func (s *Server) showPage(w http.ResponseWriter, r *http.Request) error {
	return page.Serve(w, r, page.Index)
}

// showPageFile answers with a file that the page loads.
func (s *Server) showPageFile(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	if err := page.Serve(w, r, name); err != nil {
		return fail(http.StatusNotFound, "the page has no file %.100q", name)
	}
	return nil
}
