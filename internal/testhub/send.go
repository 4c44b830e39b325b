package testhub

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// send answers with data or a range of it, and ends early if the Hub is told to.
func (h *Hub) send(w http.ResponseWriter, r *http.Request, data []byte) {
	total, first, status := int64(len(data)), int64(0), http.StatusOK
	last := total // the first byte that is not sent
	if span := r.Header.Get("Range"); span != "" && !h.NoRange {
		from, to, _ := strings.Cut(strings.TrimPrefix(span, "bytes="), "-")
		n, err := strconv.ParseInt(from, 10, 64)
		if err != nil || n >= total {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", total))
			http.Error(w, "Requested Range Not Satisfiable", http.StatusRequestedRangeNotSatisfiable)
			return
		}
		first, status = n, http.StatusPartialContent
		if n, err := strconv.ParseInt(to, 10, 64); err == nil {
			last = min(n+1, total)
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last-1, total))
	}
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Content-Length", strconv.FormatInt(last-first, 10))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	end := last
	if h.Cut > 0 {
		end = min(last, first+h.Cut)
	}
	for at := first; at < end; {
		if h.Slow > 0 {
			time.Sleep(h.Slow)
		}
		n, err := w.Write(data[at:min(at+64<<10, end)])
		if err != nil {
			return
		}
		at += int64(n)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}
	if end < last {
		if h.Reset {
			panic(http.ErrAbortHandler)
		}
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			c.Close()
		}
	}
}
