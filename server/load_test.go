package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgcli/paligemma"
)

// soakVariable is the number of requests of TestLoad, which make soak-server sets.
const soakVariable = "PALIGEMMA_TEST_REQUESTS"

// An errand is a request whose answer is known.
type errand struct {
	body []byte
	want string
}

// errands returns requests with the answers that the model alone gives.
func errands(s *site) (list []errand) {
	for _, name := range []string{"05", "21", "37"} {
		file := scene(s.t, name)
		for i, prompt := range []string{"caption en", "ocr", "detect star ; circle", "segment square", "answer en is there a pink star?"} {
			sm := &paligemma.Sampling{Temperature: float32(i % 2), Seed: uint64(i)}
			data, err := json.Marshal(ask(prompt, file, map[string]any{"temperature": i % 2, "seed": i}))
			must(s.t, err)
			list = append(list, errand{data, run(s.t, s.model, file, paligemma.Prompt(prompt), sm).Text})
		}
	}
	return list
}

// TestLoad has 64 clients ask, leave early, and send garbage: each answer is the
// model's own, and nothing is left behind.
func TestLoad(t *testing.T) {
	requests := 320
	if n, err := strconv.Atoi(os.Getenv(soakVariable)); err == nil {
		requests = n
	}
	s := serve(t, Options{Queue: 64})
	list := errands(s)
	s.web.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	var all sync.WaitGroup
	var sent, right, refused, left atomic.Int64
	start := time.Now()
	for i := range 64 {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		all.Go(func() {
			for sent.Add(1) <= int64(requests) {
				s.errand(list[r.IntN(len(list))], r, &right, &refused, &left)
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	until(t, "the server is idle", s.idle)
	t.Logf("%d requests in %v, %.0f a second: %d right, %d left, %d refused as they should be", requests, took, float64(requests)/took.Seconds(), right.Load(), left.Load(), refused.Load())
	if right.Load() < int64(requests)/2 || right.Load()+refused.Load()+left.Load() != int64(requests) {
		t.Error("the numbers do not add up")
	}
}

// errand sends one request in one of several ways.
func (s *site) errand(e errand, r *rand.Rand, right, refused, left *atomic.Int64) {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	body, way := e.body, r.IntN(8)
	switch way {
	case 0:
		body = body[:r.IntN(len(body))]
	case 1:
		time.AfterFunc(time.Duration(r.IntN(30))*time.Millisecond, cancel)
	}
	request, err := http.NewRequestWithContext(ctx, "POST", s.web.URL+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return
	}
	w, err := s.web.Client().Do(request)
	var data []byte
	if err == nil {
		data, err = io.ReadAll(w.Body)
		w.Body.Close()
	}
	if err != nil {
		if way != 1 {
			s.t.Error(err)
		}
		left.Add(1)
		return
	}
	var out chatCompletion
	switch {
	case way == 0 && w.StatusCode == 400:
		refused.Add(1)
	case w.StatusCode != 200 || json.Unmarshal(data, &out) != nil || len(out.Choices) != 1:
		s.t.Errorf("status %d: %.300s", w.StatusCode, data)
	case *out.Choices[0].Message.Content != e.want:
		s.t.Errorf("answer %q, want %q", *out.Choices[0].Message.Content, e.want)
	default:
		right.Add(1)
	}
}
