package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard refuses what a page in a browser on this machine could have it send: requests
// under another host's name, and from pages of other origins that are not allowed.
func (s *Server) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	for _, origin := range s.opts.Origins {
		if origin == "*" {
			cross.AddInsecureBypassPattern("/")
			continue
		}
		_ = cross.AddTrustedOrigin(origin) // Options.fill has checked it
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			// It may have had a Content-Length, too, which net/http drops without a word. A
			// proxy that went by the length takes the rest for another client's request, so
			// RFC 9112, 6.1 has the connection end.
			h.Set("Connection", "close")
		}
		if !s.isHost(r.Host) {
			failureOf(fail(http.StatusForbidden, "host %.100q is not one of this server's names: see --hosts", r.Host)).write(w, r)
			return
		}
		origin := r.Header.Get("Origin")
		if len(s.opts.Origins) > 0 {
			h.Add("Vary", "Origin")
		}
		allowed := origin != "" && s.isOrigin(origin)
		if allowed {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "Retry-After, "+ignoredHeader)
		}
		if r.Method == http.MethodOptions && allowed && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST")
			h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if err := cross.Check(r); err != nil {
			failureOf(fail(http.StatusForbidden, "a page of origin %.100q may not call this server: see --cors-origins", origin)).write(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isHost reports whether a request's Host, perhaps with a port, is a name of this
// server. An IP address is: DNS rebinding needs a name, whose address its owner changes
// once the browser has the page. The port is not compared, as a proxy may have another.
func (s *Server) isHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	return slices.ContainsFunc(s.opts.Hosts, func(h string) bool { return h == "*" || strings.EqualFold(h, host) })
}

// isOrigin reports whether pages of an origin may call the server. Origins are compared
// byte by byte, as browsers spell them (RFC 6454, 6.2): scheme, host and port, in lower
// case.
func (s *Server) isOrigin(origin string) bool {
	return slices.Contains(s.opts.Origins, origin) || slices.Contains(s.opts.Origins, "*")
}

// knows reports whether a request has a key, or needs none. Label Studio sends one as
// the password of basic authentication. Comparing takes as long for each key.
func (s *Server) knows(r *http.Request) bool {
	if len(s.opts.Keys) == 0 {
		return true
	}
	given := ""
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		given = strings.TrimSpace(rest)
	} else if _, password, ok := r.BasicAuth(); ok {
		given = password
	}
	hash, found := sha256.Sum256([]byte(given)), 0
	for _, key := range s.opts.Keys {
		known := sha256.Sum256([]byte(key))
		found |= subtle.ConstantTimeCompare(hash[:], known[:])
	}
	return found == 1
}
