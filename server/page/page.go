// Package page holds the page that a server shows in a browser: HTML, CSS and plain
// ES modules, which are served as they stand here, and a few drawn pictures to try.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"time"
)

// Index is the page itself. It names the other files relative to its own address, below
// "page/", and the server's endpoints beside it.
const Index = "index.html"

//go:embed *.html *.css *.js *.svg *.jpg
var files embed.FS

// policy lets the page load files of this server and pictures that it made, and nothing
// else: no script or style within the HTML, no form, no frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// Serve answers a request with the file of a name. The error is fs.ErrNotExist if there
// is none; nothing is written then.
func Serve(w http.ResponseWriter, r *http.Request, name string) error {
	data, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // ask each time: the next program may have another page
	h.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	return nil
}
