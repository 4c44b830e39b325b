package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/cmd/pgcli-fleet/queue"
	"github.com/pgcli/paligemma/models"
)

func workCommand(reading func(string)) *cli.Command {
	return &cli.Command{
		Name:  "work",
		Usage: "answer what is in a queue",
		Description: `Takes pictures from the queue, asks about them with the flags that enqueue was given, and
keeps the records in the queue. It runs until Ctrl-C or SIGTERM; pictures that have begun
then have the time of --drain, and others are left to other workers, as they were. A
worker may be killed at any time.

A picture that cannot be decoded has a failure at once. One that cannot be read, or that
ended its worker, is tried three times.

Examples:
  pgcli-fleet work -m model.gguf --root /data
  pgcli-fleet work -hf USER/REPO:Q4_0 --root /data
  pgcli-fleet work -m model.gguf --root /data --metrics :9090 --server nats://queue:4222`,
		Flags: slices.Concat(modelFlags(), []cli.Flag{
			&cli.PathFlag{Name: "root", Value: ".", Usage: "the `folder` of the pictures: names are looked up in it, and none leads out of it"},
			&cli.StringSliceFlag{Name: "bucket", Usage: "`name` of a bucket of s3:// pictures that this worker reads (repeatable)"},
			flags.EndpointFlag(),
			&cli.IntFlag{Name: "parallel", Value: batch.DefaultParallel, Usage: "`pictures` asked about at a time"},
			&cli.IntFlag{Name: "threads", Aliases: []string{"t"}, Usage: "CPU `threads` (0: one per fast physical core; 1 for the embedded model)"},
			&cli.StringFlag{Name: "device", Usage: "`device` to run on, a name from pgcli devices (default: the CPU)"},
			&cli.PathFlag{Name: "engine", EnvVars: []string{"PALIGEMMA_GGML"}, Usage: "use this ggml shared `library`, or the one in this folder, instead of the built-in ggml"},
			&cli.DurationFlag{Name: "patience", Value: 2 * time.Second, Usage: "how long answers wait for pictures and prompts: a `time`"},
			&cli.DurationFlag{Name: "drain", Value: 30 * time.Second, Usage: "`time` for pictures that have begun when the worker is to end"},
			&cli.DurationFlag{Name: "retry-wait", Value: 5 * time.Second, Usage: "`time` before a picture is tried again; twice as long before the third attempt"},
			&cli.BoolFlag{Name: "until-done", Usage: "end when the queue is empty"},
			&cli.StringFlag{Name: "metrics", Usage: "serve metrics for Prometheus at this `address`, such as :9090, under /metrics"},
		}, serverFlags()),
		Action: func(c *cli.Context) error { return work(c, reading) },
	}
}

// work takes the job before it opens the model, so that a worker with another model, or
// without a queue, ends at once.
func work(c *cli.Context, reading func(string)) error {
	if c.Args().Present() {
		return flags.Usagef("work takes no arguments, got %q", c.Args().Slice())
	}
	if n := c.Int("parallel"); n < 1 || n > 256 {
		return flags.Usagef("--parallel is %d, want 1 to 256", n)
	}
	for _, name := range []string{"patience", "drain", "retry-wait"} {
		if d := c.Duration(name); d <= 0 {
			return flags.Usagef("--%s is %v, want more than 0", name, d)
		}
	}
	root, err := os.OpenRoot(c.Path("root"))
	if err != nil {
		return fmt.Errorf("--root: %w", err)
	}
	defer root.Close()
	logger := newLog(c)
	q, nc, err := openQueue(c, logger)
	if err != nil {
		return err
	}
	defer nc.Close()
	job, err := q.Job(c.Context)
	if err != nil {
		return err
	}
	if err := fetchModel(c, logger); err != nil {
		return err
	}
	digest, err := flags.Digest(c.Context, c.Path("model"), c.Path("mmproj"))
	if err != nil {
		return err
	}
	if err := q.CheckModel(job, digest); err != nil {
		return err
	}
	model, asker, err := open(c, job)
	if err != nil {
		return err
	}
	defer model.Close()
	defer asker.Close()
	object, err := objects(c)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	w := &queue.Worker{
		Queue: q, Asker: asker, Root: root, Member: new(flags.Members).Read, Object: object, Logger: logger, Metrics: queue.NewMetrics(registry), Reading: reading,
		Drain: c.Duration("drain"), RetryWait: c.Duration("retry-wait"), UntilDone: c.Bool("until-done"),
	}
	stop, err := serveMetrics(c.String("metrics"), registry)
	if err != nil {
		return err
	}
	defer stop()
	logger.Info("working", "queue", c.String("queue"), "parallel", asker.Parallel())
	err = w.Run(c.Context)
	logger.Info("ended")
	return err
}

// objects returns what reads the pictures of the buckets that the flags name; nil for none.
func objects(c *cli.Context) (func(context.Context, string) ([]byte, error), error) {
	names := c.StringSlice("bucket")
	if len(names) == 0 {
		return nil, nil
	}
	store, err := flags.Store(c)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, name string) ([]byte, error) {
		o, err := store.Objects(name)
		if err == nil && !slices.Contains(names, o.Bucket) {
			err = fmt.Errorf("bucket %.100q is not one that this worker may read (--bucket)", o.Bucket)
		}
		if err != nil {
			return nil, err
		}
		return store.Read(ctx, name)
	}, nil
}

// open opens the model as a job wants it, and the sessions that ask.
func open(c *cli.Context, job queue.Job) (*paligemma.Model, *batch.Asker, error) {
	followed, err := flags.Follow(c, job.Identity)
	if err != nil {
		return nil, nil, fmt.Errorf("queue %s: %w", c.String("queue"), err)
	}
	opts := &paligemma.Options{
		Engine: paligemma.EngineOptions{Library: c.Path("engine")}, Projector: c.Path("mmproj"), Device: c.String("device"),
		Threads: c.Int("threads"), Patience: c.Duration("patience"), Logger: newLog(c),
	}
	if err := flags.SetModel(followed, opts); err != nil {
		return nil, nil, err
	}
	sampler, err := flags.Sampler(followed)
	if err != nil {
		return nil, nil, err
	}
	model, err := openModel(c, opts)
	if err != nil {
		return nil, nil, err
	}
	asker, fewer, err := batch.NewAsker(model, job.Identity, c.Int("parallel"), sampler)
	if err != nil {
		return nil, nil, errors.Join(err, model.Close())
	}
	if fewer != nil {
		newLog(c).Warn("fewer answers at a time", "parallel", asker.Parallel(), "error", fewer)
	}
	return model, asker, nil
}

// openModel opens the model of -m, or the embedded one, which is so small that a second
// thread would only wait.
func openModel(c *cli.Context, opts *paligemma.Options) (*paligemma.Model, error) {
	path := c.Path("model")
	if path == "" {
		opts.Threads = max(1, opts.Threads)
		return paligemma.New(models.Tiny(), opts)
	}
	if opts.Projector == "" {
		opts.Projector, _ = flags.Projector(c.Context, path) // "" for a whole model
	}
	return paligemma.OpenContext(c.Context, path, opts)
}

// serveMetrics serves metrics at an address, if it is given.
func serveMetrics(address string, from prometheus.Gatherer) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(from, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go s.Serve(l) // until it is closed
	return func() { s.Close() }, nil
}
