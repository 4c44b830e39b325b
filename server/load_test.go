package server

import (
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/internal/testrace"
)

// soakVariable is the number of requests of TestLoad, which make soak-server sets.
const soakVariable = "PALIGEMMA_TEST_REQUESTS"

// TestLoad has 64 clients ask, read slowly, leave early, and send what is wrong: each
// answer is the model's own, each mistake has its status, and nothing is left behind.
func TestLoad(t *testing.T) {
	requests := testrace.Share(400)
	if n, err := strconv.Atoi(os.Getenv(soakVariable)); err == nil {
		requests = n
	}
	s := serve(t, Options{Queue: 1000, Logger: slog.New(slog.DiscardHandler)}) // some who left may still be inside
	s.web.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	before := s.count()
	c := newCrowd(s)
	start := time.Now()
	c.send(requests / 4) // opens all sessions
	warm := s.count()
	c.send(requests - requests/4)
	took := time.Since(start)
	after := s.count()
	for end := time.Now().Add(time.Minute); (after.goroutines > before.goroutines || after.descriptors > before.descriptors) && time.Now().Before(end); {
		after = s.count() // one that ends late is no leak
	}
	t.Logf("%d requests in %v, %.0f a second: %s; before %+v, warm %+v, after %+v", requests, took, float64(requests)/took.Seconds(), c, before, warm, after)
	if c.answers[rightAnswer].Load() < int64(requests)/3 || c.sum() != int64(requests) {
		t.Errorf("the numbers do not add up: %s", c)
	}
	if after.goroutines > before.goroutines || after.descriptors > before.descriptors {
		t.Errorf("before %+v, after %+v", before, after)
	}
	// The model keeps a bounded number of graphs, and counts them: a rare number of
	// answers at a time comes late, and its graph is no leak.
	got, most := after.memory-after.graphs, (warm.memory-warm.graphs)/100*102
	if requests >= 5000 && got > most {
		t.Errorf("%d bytes of memory beside graphs, want at most %d: 2 %% more than when all was warm", got, most)
	}
}

// A census is what a process holds while nothing is asked.
type census struct {
	goroutines, descriptors int
	memory                  int64 // bytes that are resident and in use; 0 where they are not known
	graphs                  int64 // bytes of the model's graphs of answers
}

// count waits until all is quiet, and counts.
func (s *site) count() census {
	s.t.Helper()
	until(s.t, "the server is idle", s.idle)
	var c census
	until(s.t, "the connections are closed", func() bool { // two equal counts in a row
		s.web.Client().CloseIdleConnections()
		last := c
		c = census{goroutines: runtime.NumGoroutine(), descriptors: descriptors()}
		time.Sleep(50 * time.Millisecond)
		return c == last
	})
	size, err := s.model.Memory(s.t.Context())
	must(s.t, err)
	c.graphs = int64(size.Steps)
	c.memory = resident()
	for range 20 { // Go gives memory back when it likes, more of it at some moments
		c.memory = min(c.memory, resident())
		time.Sleep(20 * time.Millisecond)
	}
	return c
}

// A crowd is clients that send requests whose answers are known.
type crowd struct {
	*site
	errands []errand
	answers [ends]atomic.Int64
}

// Ends of a request.
const (
	rightAnswer = iota
	refusedMistake
	leftEarly
	ends
)

// An errand is a request whose answer is known.
type errand struct {
	prompt string
	picture,
	body []byte
	want string
}

// newCrowd finds out the answers that the model alone gives.
func newCrowd(s *site) *crowd {
	c := &crowd{site: s}
	for i, file := range [][]byte{scene(s.t, "05"), scene(s.t, "21"), scene(s.t, "37"), enlarge(s.t, scene(s.t, "05"), 8)} {
		for j, prompt := range []string{"caption en", "ocr", "detect star ; circle", "segment square", "answer en is there a pink star?"} {
			if i == 3 && j > 0 {
				continue // one prompt about the huge picture
			}
			sm := &paligemma.Sampling{Temperature: float32(j % 2), Seed: uint64(j)}
			data, err := json.Marshal(ask(prompt, file, map[string]any{"temperature": j % 2, "seed": j, "stream": j == 2}))
			must(s.t, err)
			c.errands = append(c.errands, errand{prompt, file, data, run(s.t, s.model, file, paligemma.Prompt(prompt), sm).Text})
		}
	}
	return c
}

// send has 64 clients send some requests together.
func (c *crowd) send(requests int) {
	var all sync.WaitGroup
	var sent atomic.Int64
	for i := range 64 {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		all.Go(func() {
			for sent.Add(1) <= int64(requests) {
				c.errand(c.errands[r.IntN(len(c.errands))], r)
			}
		})
	}
	all.Wait()
}

func (c *crowd) sum() (n int64) {
	for i := range c.answers {
		n += c.answers[i].Load()
	}
	return n
}

func (c *crowd) String() string {
	return strconv.FormatInt(c.answers[rightAnswer].Load(), 10) + " right, " + strconv.FormatInt(c.answers[refusedMistake].Load(), 10) +
		" refused as they should be, " + strconv.FormatInt(c.answers[leftEarly].Load(), 10) + " left"
}
