package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/cmd/pgcli-fleet/queue"
	"github.com/pgcli/paligemma/models"
)

// BenchmarkQueue measures what the queue adds to a picture: a worker with one slot, with
// the server as it is shipped, beside the same questions without a queue. The difference
// is queue-ms/picture; the worker waits during most of it, so that several slots hide it.
func BenchmarkQueue(b *testing.B) {
	s, dir := newOwnProcess(b), b.TempDir()
	m, err := paligemma.New(models.Tiny(), &paligemma.Options{Threads: 1})
	must(b, err)
	defer m.Close()
	id := batch.Identity{Model: "tiny"}
	prompts := []paligemma.Prompt{"caption en"}
	asker, _, err := batch.NewAsker(m, id, 1, func(paligemma.Prompt) *paligemma.Sampling { return &paligemma.Sampling{MaxTokens: 2} })
	must(b, err)
	defer asker.Close()
	var files batch.Files
	for i := range b.N {
		files = append(files, filepath.Join(dir, fmt.Sprintf("%06d.png", i)))
		scene(b, files[i], i)
	}
	nc, err := nats.Connect(s.url())
	must(b, err)
	defer nc.Close()
	ctx := context.Background()
	q, err := queue.Create(ctx, nc, "bench", queue.Config{})
	must(b, err)
	_, err = q.SetJob(ctx, queue.Job{Identity: id, Prompts: prompts})
	must(b, err)
	start := time.Now()
	_, err = q.Enqueue(ctx, &queue.Enqueuing{Sources: []batch.Source{files}, Prompts: prompts})
	must(b, err)
	b.ReportMetric(ms(start, b.N), "enqueue-ms/picture")
	root, err := os.OpenRoot(dir)
	must(b, err)
	defer root.Close()
	w := &queue.Worker{Queue: q, Asker: asker, Root: root, Logger: slog.New(slog.DiscardHandler), Metrics: queue.NewMetrics(prometheus.NewRegistry()), RetryWait: time.Second, Drain: time.Second, UntilDone: true}

	start = time.Now()
	for item, err := range files.Items(ctx) {
		must(b, err)
		_, err := asker.Ask(ctx, item, prompts)
		must(b, err)
	}
	alone := ms(start, b.N)
	start = time.Now()
	must(b, w.Run(ctx))
	idle := 250.0 / float64(b.N) // until the worker sees that the queue is empty
	b.ReportMetric(alone, "alone-ms/picture")
	b.ReportMetric(ms(start, b.N)-idle-alone, "queue-ms/picture")
}

func ms(start time.Time, n int) float64 {
	return float64(time.Since(start).Microseconds()) / 1e3 / float64(n)
}
