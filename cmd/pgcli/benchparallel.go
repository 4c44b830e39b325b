package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
)

// A parallelResult is a row of bench --parallel: what n clients get together.
type parallelResult struct {
	Test      string  `json:"test"`
	Parallel  int     `json:"parallel"`                      // answers at a time
	Tokens    float64 `json:"tokens_per_second"`             // in all
	PerAnswer float64 `json:"tokens_per_second_per_answer"`  // while the answer is generated
	Requests  float64 `json:"requests_per_second,omitempty"` // picture, prompt and answer
	First50   float64 `json:"first_token_p50_ms,omitempty"`
	First95   float64 `json:"first_token_p95_ms,omitempty"`
	Next50    float64 `json:"next_token_p50_ms"`
	Next95    float64 `json:"next_token_p95_ms"`
}

// A parallelTest has each of n clients ask for answers of some tokens: about a
// picture of its own each time, or, without requests, after a short prompt that is
// read before the time begins.
type parallelTest struct {
	name     string
	tokens   int
	requests bool
}

// parallelTests reads the list of --test.
func parallelTests(list string) (tests []parallelTest, err error) {
	for name := range strings.SplitSeq(list, ",") {
		t := parallelTest{name: name}
		number, ok := strings.CutPrefix(name, "tg")
		if !ok {
			number, ok = strings.CutPrefix(name, "req")
			t.requests = true
		}
		if t.tokens, err = strconv.Atoi(number); !ok || err != nil || t.tokens < 2 || t.tokens > 1<<17 {
			return nil, usagef("--test has %q, want tgN or reqN with --parallel, N from 2", name)
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// parallelAction measures each test with each number of clients.
func parallelAction(c *cli.Context) error {
	for _, flag := range []string{"compare-ggml", "n-prompt", "n-gen"} {
		if c.IsSet(flag) {
			return usagef("--parallel goes without --%s", flag)
		}
	}
	if p := c.Duration("patience"); p <= 0 {
		return usagef("--patience is %v, want more than 0", p)
	}
	counts, err := numbers("parallel", c.String("parallel"), 256)
	if err != nil {
		return err
	}
	if slices.Contains(counts, 0) {
		return usagef("--parallel has 0, want numbers from 1 to 256, such as 1,2,4,8")
	}
	threads, err := strconv.Atoi(c.String("threads"))
	if models := c.StringSlice("model"); err != nil || len(models) > 1 {
		return usagef("--parallel goes with one -m and one number of -t, got -m %q, -t %s", models, c.String("threads"))
	}
	models, err := benchModels(c)
	if err != nil {
		return err
	}
	list := c.String("test")
	if !c.IsSet("test") {
		list = "tg64,req12"
	}
	tests, err := parallelTests(list)
	if err != nil {
		return err
	}
	b, err := newBencher(c, models[0], c.String("kernels"), threads)
	if err != nil {
		return err
	}
	defer b.Close()
	if path := c.Path("image"); path != "" {
		if b.file, err = readPicture(c, path); err != nil {
			return fmt.Errorf("picture %s: %w", path, err)
		}
	}
	var results []parallelResult
	for _, t := range tests {
		for _, n := range counts {
			fmt.Fprintf(c.App.ErrWriter, "pgcli: %s, %d at a time\n", t.name, n) // progress
			r, err := b.parallel(c.Context, t, n, c.Int("repetitions"))
			if err != nil {
				return fmt.Errorf("%s, %d at a time: %w", t.name, n, err)
			}
			results = append(results, r)
		}
	}
	return writeParallel(c.App.Writer, c.String("output"), results)
}

// parallel measures a test with n clients: with some requests of each, or as many
// times, of which it returns the median.
func (b *bencher) parallel(ctx context.Context, t parallelTest, n, repetitions int) (parallelResult, error) {
	if _, err := b.clients(ctx, parallelTest{t.name, 2, false}, n, 1); err != nil {
		return parallelResult{}, err // this one warms up
	}
	if t.requests {
		return b.clients(ctx, t, n, repetitions)
	}
	var all []parallelResult
	for range repetitions {
		r, err := b.clients(ctx, t, n, 1)
		if err != nil {
			return r, err
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b parallelResult) int { return cmp.Compare(a.Tokens, b.Tokens) })
	return all[len(all)/2], nil
}

// A client's times.
type clientTimes struct {
	first, next []time.Duration // to the first token of an answer, and from token to token
	err         error
}

// clients runs n clients with some requests each.
func (b *bencher) clients(ctx context.Context, t parallelTest, n, requests int) (parallelResult, error) {
	times := make([]clientTimes, n)
	var ready, all sync.WaitGroup
	ready.Add(n)
	begin := make(chan time.Time)
	for i := range times {
		all.Go(func() { times[i].err = b.client(ctx, t, requests, &times[i], ready.Done, begin) })
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	all.Wait()
	took := time.Since(start)
	var first, next []time.Duration
	for _, c := range times {
		if c.err != nil {
			return parallelResult{}, c.err
		}
		first, next = append(first, c.first...), append(next, c.next...)
	}
	r := parallelResult{Test: t.name, Parallel: n, Next50: percentile(next, 50), Next95: percentile(next, 95)}
	var sum time.Duration
	for _, d := range next {
		sum += d
	}
	r.Tokens, r.PerAnswer = rate(len(next), took), rate(len(next), sum)
	if t.requests {
		r.Tokens = rate(len(next)+len(first), took)
		r.Requests, r.First50, r.First95 = rate(n*requests, took), percentile(first, 50), percentile(first, 95)
	}
	return r, nil
}

// client asks for answers one after the other.
func (b *bencher) client(ctx context.Context, t parallelTest, requests int, times *clientTimes, ready func(), begin <-chan time.Time) error {
	s, err := b.model.NewSession()
	if err != nil {
		ready()
		return err
	}
	defer s.Close()
	if !t.requests {
		err = s.Prefill(ctx, nil, b.caption)
	}
	ready()
	<-begin
	for i := 0; i < requests && err == nil; i++ {
		last := time.Now()
		if t.requests {
			img, err := b.look(ctx)
			if err == nil {
				err = s.Prefill(ctx, []*paligemma.Image{img}, b.caption)
			}
			if err != nil {
				return err
			}
		}
		got := 0
		for _, e := range s.Tokens(ctx, &paligemma.Sampling{
			MaxTokens: t.tokens, Forbidden: []int32{b.model.EOS()}, AllowRepeats: true,
		}) {
			if e != nil {
				return e
			}
			now := time.Now()
			if got == 0 {
				times.first = append(times.first, now.Sub(last))
			} else {
				times.next = append(times.next, now.Sub(last))
			}
			last, got = now, got+1
		}
		if got < t.tokens {
			return fmt.Errorf("the context has no room for %d tokens; see --ctx-size", t.tokens)
		}
	}
	return err
}

// percentile returns a percentile of times, in milliseconds, and sorts them.
func percentile(times []time.Duration, p int) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return ms(times[min(len(times)-1, len(times)*p/100)])
}

// writeParallel writes results in a format of -o.
func writeParallel(w io.Writer, format string, results []parallelResult) error {
	if format == "json" {
		return writeJSON(w, results)
	}
	table := [][]string{{"test", "parallel", "tokens/s", "per answer", "requests/s", "first p50 ms", "p95 ms", "next p50 ms", "p95 ms"}}
	number := func(v float64) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", v)
	}
	for _, r := range results {
		table = append(table, []string{r.Test, fmt.Sprint(r.Parallel), number(r.Tokens), number(r.PerAnswer), number(r.Requests),
			number(r.First50), number(r.First95), number(r.Next50), number(r.Next95)})
	}
	if format == "csv" {
		return writeCSV(w, table)
	}
	return writeMarkdown(w, table)
}
