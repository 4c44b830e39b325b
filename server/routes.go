package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A route is a path that is answered.
type route struct {
	method, path string
	handle       func(*Server, http.ResponseWriter, *http.Request) error
	kind
}

// A kind says how requests to a route are treated.
type kind struct {
	open     bool // without an API key
	computes bool // admitted by the queue
}

// Kinds of routes.
var (
	tells    = kind{}
	public   = kind{open: true}
	computes = kind{computes: true}
)

// routes is the one table of routes; openapi.yaml describes each.
var routes = []route{
	{"GET", "/{$}", (*Server).showPage, public},
	{"GET", "/page/{file}", (*Server).showPageFile, public},
	{"GET", "/health", (*Server).health, public},
	{"GET", "/v1/health", (*Server).health, public},
	{"GET", "/openapi.yaml", (*Server).openAPI, tells},
	{"GET", "/metrics", (*Server).exposeMetrics, tells},
	{"GET", "/props", (*Server).props, tells},

	{"GET", "/v1/models", (*Server).listModels, tells},
	{"GET", "/v1/models/{model}", (*Server).showModel, tells},
	{"POST", "/v1/chat/completions", (*Server).chat, computes},

	{"POST", "/v1/detect", (*Server).detect, computes},
	{"POST", "/v1/segment", (*Server).segment, computes},
	{"POST", "/v1/caption", (*Server).caption, computes},
	{"POST", "/v1/answer", (*Server).answer, computes},
	{"POST", "/v1/ocr", (*Server).ocr, computes},
	{"POST", "/v1/choose", (*Server).choose, computes},
	{"POST", "/tokenize", (*Server).tokenize, tells},
	{"POST", "/detokenize", (*Server).detokenize, tells},

	{"GET", "/api/version", (*Server).ollamaVersion, tells},
	{"GET", "/api/tags", (*Server).ollamaTags, tells},
	{"GET", "/api/ps", (*Server).ollamaRunning, tells},
	{"POST", "/api/show", (*Server).ollamaShow, tells},
	{"POST", "/api/generate", (*Server).ollamaGenerate, computes},
	{"POST", "/api/chat", (*Server).ollamaChat, computes},

	{"POST", "/setup", (*Server).studioSetup, tells},
	{"POST", "/predict", (*Server).studioPredict, computes},
	{"POST", "/webhook", (*Server).studioWebhook, tells},
}

// routes returns the handler of all routes, and of all other paths. GET answers HEAD, too,
// as ServeMux has it.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.method+" "+r.path, s.serve(r))
	}
	mux.Handle("/", s.serve(route{kind: tells, handle: (*Server).noRoute}))
	return mux
}

// serve returns the handler of a route: it turns the route's error into an answer, and
// notes it for the log.
func (s *Server) serve(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		rec := recordOf(req.Context())
		rec.route = r.path
		err := s.admit(r, w, req)
		if err == nil {
			return
		}
		f := failureOf(err)
		rec.failed = f
		if rec.status == 0 { // else the answer has begun, and says itself that it failed
			f.write(w, req)
		}
	})
}

// admit checks key and queue, and calls the route's handler with a context that ends with
// the client's connection, after Options.Timeout, or when the server closes. The error says
// which of these it was, whatever error it caused.
func (s *Server) admit(r route, w http.ResponseWriter, req *http.Request) error {
	if !r.open && !s.knows(req) {
		return fail(http.StatusUnauthorized, "the request has no valid API key: send it as Authorization: Bearer KEY")
	}
	request := recordOf(req.Context())
	defer func() {
		s.bodies.give(request.room)
		s.sources.end(request)
	}()
	if !r.computes {
		return r.handle(s, w, req)
	}
	if err := s.queue.enter(); err != nil {
		return err
	}
	defer s.queue.leave()
	ctx, cancel := context.WithTimeoutCause(req.Context(), s.opts.Timeout, errTimeout)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(s.ctx, func() {
		end(errShutdown)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(lastTime)) // of a client that does not read
	})()
	err := r.handle(s, w, req.WithContext(ctx))
	if err != nil && ctx.Err() != nil && !errors.As(err, new(*failure)) {
		return context.Cause(ctx) // whatever it interrupted
	}
	return err
}

// noRoute answers a path that is no route with 404, or of another method with 405 and the
// header Allow (RFC 9110, 15.5.6). It asks for a key before it tells which paths there are.
func (s *Server) noRoute(w http.ResponseWriter, r *http.Request) error {
	var methods []string
	for _, known := range routes {
		if strings.TrimSuffix(known.path, "{$}") == r.URL.Path {
			methods = append(methods, known.method)
		}
	}
	if methods == nil {
		return fail(http.StatusNotFound, "no path %.100q: /openapi.yaml lists them all", r.URL.Path)
	}
	if slices.Contains(methods, "GET") {
		methods = append(methods, "HEAD")
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	return fail(http.StatusMethodNotAllowed, "%s %s: want %s", r.Method, r.URL.Path, strings.Join(methods, " or "))
}
