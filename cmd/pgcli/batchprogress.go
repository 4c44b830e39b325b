package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pgcli/paligemma/batch"
)

// linesEvery is how often a log gets a line about a long run.
const linesEvery = time.Minute

// batchProgress shows pictures with their rate, failures and the time left: on a terminal
// a bar, elsewhere a line for every tenth, and each minute. log takes messages, which
// appear above the bar; done ends it.
func batchProgress(w io.Writer, plan *batch.Plan) (show func(batch.Progress), log io.Writer, done func()) {
	start := time.Now()
	total := plan.Pictures
	if !movesCursor(w) {
		tenth, last := 0, start
		return func(p batch.Progress) {
			now := time.Now()
			next := 10 * p.Pictures / max(1, total)
			if p.Pictures == p.Earlier || next <= tenth && now.Sub(last) < linesEvery {
				return
			}
			tenth, last = next, now
			fmt.Fprintf(w, "pgcli: asking: %s\n", spellProgress(p, total, now.Sub(start)))
		}, w, func() {}
	}
	bars := mpb.New(mpb.WithOutput(w), mpb.WithWidth(64))
	rate := ""
	bar := bars.AddBar(int64(total), mpb.PrependDecorators(decor.Name("asking "), decor.CountersNoUnit("%d / %d")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return rate })))
	return func(p batch.Progress) {
			rate = spellRate(p, total, time.Since(start))
			bar.SetTotal(int64(max(total, p.Pictures)), false)
			bar.SetCurrent(int64(p.Pictures))
		}, bars, func() {
			if !bar.Completed() {
				bar.Abort(false)
			}
			bars.Wait()
		}
}

// spellProgress spells how far a run is after a time.
func spellProgress(p batch.Progress, total int, took time.Duration) string {
	return fmt.Sprintf("%d of %d pictures, %s", p.Pictures, max(total, p.Pictures), spellRate(p, total, took))
}

// spellRate spells the rate of a run, failures and the time left. Pictures that had their
// records before take no time.
func spellRate(p batch.Progress, total int, took time.Duration) string {
	asked := p.Pictures - p.Earlier
	if asked == 0 || took <= 0 {
		return ""
	}
	text := fmt.Sprintf("%.3g a second", float64(asked)/took.Seconds())
	if p.Failed > 0 {
		text += fmt.Sprintf(", %d failures", p.Failed)
	}
	if left := total - p.Pictures; left > 0 {
		text += ", " + spellTime(took*time.Duration(left)/time.Duration(asked)) + " left"
	}
	return text
}

// spellTime spells a time without needless digits.
func spellTime(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.2g s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// dryRun prints what a run would do. The time is measured with a few pictures, whose
// answers are not kept.
func dryRun(c *cli.Context, plan *batch.Plan, sources []batch.Source, id batch.Identity, opts *batch.Options) error {
	about := ""
	if plan.Rough {
		about = "about "
	}
	w := c.App.Writer
	if _, err := fmt.Fprintf(w, "%s%d pictures, %d prompts: %d answers\n", about, plan.Pictures, len(opts.Prompts), plan.Pictures*len(opts.Prompts)); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d have records, of which %d are failures; %s%d are missing\n", plan.Known, plan.Failed, about, plan.Missing)
	if plan.Changed > 0 {
		fmt.Fprintf(w, "%d pictures have changed since, and are asked about again\n", plan.Changed)
	}
	if plan.Err != nil || plan.Missing == 0 {
		return plan.Err
	}
	model, err := openModel(c)
	if err != nil {
		return err
	}
	defer model.Close()
	dir, err := os.MkdirTemp("", "pgcli-batch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, err := batch.Open(filepath.Join(dir, "trial.jsonl"), id, false)
	if err != nil {
		return err
	}
	trial := *opts
	report, err := batch.Run(c.Context, model, out, batch.First(sources, opts.Shard, 2*opts.Parallel), &trial)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	left := report.Took / time.Duration(max(1, report.Records)) * time.Duration(plan.Missing)
	_, err = fmt.Fprintf(w, "about %s, as %d answers take %s, and the model's start\n", spellTime(left), report.Records, spellTime(report.Took))
	return err
}
