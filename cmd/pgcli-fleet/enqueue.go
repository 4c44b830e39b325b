package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/cmd/pgcli-fleet/queue"
)

func enqueueCommand() *cli.Command {
	return &cli.Command{
		Name:      "enqueue",
		Usage:     "put pictures and prompts into a queue",
		ArgsUsage: "INPUT...",
		Description: `Puts the pictures that have no results into the queue, and makes the queue first if the
server has none. INPUT, prompts and flags are the same as for pgcli batch:

  photos             the pictures of a folder and of those below it
  a.jpg "*.jpg"      pictures, also by a pattern
  @list.txt          inputs, one on each line; - for standard input
` + flags.InputHelp + `

The queue has references, and workers open the same files: run it in the folder that workers
have as --root, or give absolute names. An archive must not be compressed.

It may be repeated at any time, with more pictures and prompts, too: what is in the queue
or has a result is left alone. A picture whose file has changed since is asked about again,
unless its bytes are the same. While the queue is full it waits.

Examples:
  pgcli-fleet enqueue photos -p "detect cat ; dog" -m model.gguf
  pgcli-fleet enqueue shard-00.tar film.mp4 s3://bucket/photos -p "caption en" -m model.gguf
  pgcli-fleet enqueue photos -p "detect cat ; dog" -m model.gguf --retry-failed`,
		Flags: slices.Concat(modelFlags(), flags.PromptFlags(), []cli.Flag{
			&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "`file` of records that were collected: what it answers is not asked again"},
			&cli.BoolFlag{Name: "retry-failed", Usage: "ask again about pictures that failed"},
			&cli.IntFlag{Name: "max-waiting", Value: queue.DefaultMost, Usage: "most `pictures` in a new queue"},
			&cli.IntFlag{Name: "replicas", Value: 1, Usage: "`servers` of a cluster that keep each message of a new queue"},
			&cli.DurationFlag{Name: "ack-wait", Value: queue.DefaultAckWait, Usage: "`time` after which a new queue gives a silent worker's pictures to others"},
		}, flags.InputFlags(), flags.SamplingFlags("on"), flags.ModelFlags(), serverFlags()),
		Action: enqueueAction,
	}
}

// enqueueAction refuses wrong flags and inputs before it reads the model, and a model that is
// not the queue's before it puts anything in.
func enqueueAction(c *cli.Context) error {
	if _, err := flags.Sampler(c); err != nil {
		return err
	}
	prompts, err := flags.Prompts(c, nil, 1)
	if err != nil {
		return err
	}
	if len(prompts) == 0 {
		return flags.Usagef("no prompt: for example pgcli-fleet enqueue photos -p \"caption en\"")
	}
	if err := flags.Distinct(prompts); err != nil {
		return err
	}
	if n := c.Int("max-waiting"); n < 1 {
		return flags.Usagef("--max-waiting is %d, want 1 or more", n)
	}
	if n := c.Int("replicas"); n < 1 || n > 5 {
		return flags.Usagef("--replicas is %d, want 1 to 5", n)
	}
	if d := c.Duration("ack-wait"); d < 100*time.Millisecond {
		return flags.Usagef("--ack-wait is %v, want 100ms or more", d)
	}
	in, err := flags.NewInputs(c)
	if err != nil {
		return err
	}
	defer in.Close()
	logger := newLog(c)
	if err := fetchModel(c, logger); err != nil {
		return err
	}
	digest, err := flags.Digest(c.Context, c.Path("model"), c.Path("mmproj"))
	if err != nil {
		return err
	}
	id := flags.Identity(c, digest)
	e := &queue.Enqueuing{Sources: in.Sources, Prompts: prompts, RetryFailed: c.Bool("retry-failed")}
	if path := c.Path("output"); path != "" {
		if e.File, err = batch.Open(c.Context, path, id, false); err != nil {
			return err
		}
		defer e.File.Close()
	}
	nc, err := connect(c, logger)
	if err != nil {
		return err
	}
	defer nc.Close()
	q, err := queue.Create(c.Context, nc, c.String("queue"), queue.Config{Most: c.Int("max-waiting"), Replicas: c.Int("replicas"), AckWait: c.Duration("ack-wait")})
	if err != nil {
		return err
	}
	if _, err := q.SetJob(c.Context, queue.Job{Identity: id, Prompts: prompts}); err != nil {
		return err
	}
	e.Notice = func(text string) { logger.Warn(text) }
	n, err := q.Enqueue(c.Context, e)
	if err == nil || n.Queued+n.Waiting+n.Done > 0 { // also those before an error
		_, wrong := fmt.Fprintf(c.App.Writer, "%d pictures: %d are queued now, %d were in the queue, %d have their results\n", n.Pictures, n.Queued, n.Waiting, n.Done)
		err = errors.Join(err, wrong)
	}
	return err
}
