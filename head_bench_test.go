package paligemma

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// BenchmarkHead times a generated token up to the head, then the heads of all
// tokens and of a detection, in turns, and reports the medians. It wants a
// model of real size, PALIGEMMA_BENCH_MODEL; random weights do:
//
//	go run ./scripts/synthetic -variant paligemma-3b-224 -o DIR
//	pgcli convert DIR -o FILE --type q8_0
func BenchmarkHead(b *testing.B) {
	path := os.Getenv("PALIGEMMA_BENCH_MODEL")
	if path == "" {
		b.Skip("PALIGEMMA_BENCH_MODEL names no model")
	}
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			m := open(b, path, Options{Threads: threads})
			s := newSession(b, m)
			must(b, s.Prefill(b.Context(), nil, Detect("cat")))
			locs, err := m.locseg()
			must(b, err)
			space := m.Tokenize(" ;")[0]
			ids := testmodel.Ranges
			heads := []struct {
				name    string
				allowed []grammar.Range
			}{
				{"all", m.everything()},
				{"loc", ids(m.EOS(), m.EOS()+1, locs.Loc, locs.Loc+1023)},
				{"seg", ids(locs.Seg, locs.Seg+128)},
				{"label", ids(m.EOS(), m.EOS()+1, space, space+1)},
				{"one", ids(m.EOS(), m.EOS()+1)},
			}
			times := map[string][]time.Duration{}
			for first := true; b.Loop(); first = false { // the first builds the graphs
				timed := func(name string, f func() error) {
					start := time.Now()
					must(b, f())
					if !first {
						times[name] = append(times[name], time.Since(start))
					}
				}
				timed("step", func() error { return s.Append(b.Context(), 100) })
				for _, h := range heads {
					timed(h.name, func() error {
						return s.step(b.Context(), &decode.Request{Allowed: h.allowed})
					})
				}
			}
			b.ReportMetric(0, "ns/op")
			for name, list := range times {
				slices.Sort(list)
				b.ReportMetric(float64(list[len(list)/2].Microseconds())/1000, name+"-ms")
			}
		})
	}
}
