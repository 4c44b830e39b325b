package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pgcli/paligemma"
)

// metrics counts for Prometheus, in a registry of the server's own.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec   // by route and status
	seconds   *prometheus.HistogramVec // by route
	stages    *prometheus.HistogramVec // by stage
	read      prometheus.Counter
	generated prometheus.Counter
	pictures  *prometheus.CounterVec // by result
}

// buckets are in seconds. They suit a short answer of a model of 10 MB, and a page of text read by
// one of 3 GB.
var buckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}

// newMetrics returns the metrics of a server. Labels have few values: none is a client's text.
func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pgcli_requests_total", Help: "Requests by route and HTTP status; 499 if the client left."}, []string{"route", "status"}),
		seconds:   prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "pgcli_request_seconds", Help: "Time of requests by route, waiting included.", Buckets: buckets}, []string{"route"}),
		stages:    prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "pgcli_stage_seconds", Help: "Time of an answer's stages: encode (its pictures), prefill (its prompt), decode (its tokens).", Buckets: buckets}, []string{"stage"}),
		read:      prometheus.NewCounter(prometheus.CounterOpts{Name: "pgcli_prompt_tokens_total", Help: "Tokens of prompts, soft tokens of pictures included."}),
		generated: prometheus.NewCounter(prometheus.CounterOpts{Name: "pgcli_generated_tokens_total", Help: "Tokens of answers."}),
		pictures:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pgcli_pictures_total", Help: "Pictures by result: miss (encoded), hit (remembered), shared (being encoded for another request)."}, []string{"result"}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m.registry.MustRegister(m.requests, m.seconds, m.stages, m.read, m.generated, m.pictures, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("pgcli_requests_computed", "Requests that are computed now.", func() float64 { n, _ := s.queue.load(); return float64(n) }),
		gauge("pgcli_requests_waiting", "Requests that wait or are being read now.", func() float64 { _, n := s.queue.load(); return float64(n) }),
		gauge("pgcli_picture_cache_bytes", "Soft tokens of pictures that are remembered.", func() float64 { return float64(s.pictures.held()) }))
	return m
}

// request counts a request, with the time from its first byte to the end of the answer.
// Requests to no route share a label: paths are a client's text.
func (m *metrics) request(route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// stage counts the time of a stage.
func (m *metrics) stage(name string, took time.Duration) {
	m.stages.WithLabelValues(name).Observe(took.Seconds())
}

// answered counts an answer. Its pictures are counted by encode.
func (m *metrics) answered(t paligemma.Timings) {
	m.stage("prefill", t.Prefill)
	m.stage("decode", t.Decode)
	m.read.Add(float64(t.PromptTokens))
	m.generated.Add(float64(t.Generated))
}

// picture counts a picture.
func (m *metrics) picture(result string) { m.pictures.WithLabelValues(result).Inc() }

// exposeMetrics answers /metrics in Prometheus' text format: metrics of the server,
// of the process and of Go's runtime (client_golang has the latter two).
func (s *Server) exposeMetrics(w http.ResponseWriter, r *http.Request) error {
	promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	return nil
}
