package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pgcli/paligemma/batch"
	"github.com/pgcli/paligemma/internal/legible"
)

// linesEvery is how often a log gets a line about a long run.
const linesEvery = time.Minute

// batchProgress shows pictures with their rate, the time left and failures: on a terminal
// a bar, elsewhere a line for every tenth, and each minute. log takes messages, which
// appear above the bar; done ends it.
func batchProgress(w io.Writer, plan *batch.Plan) (show func(batch.Progress), log io.Writer, done func()) {
	pace := newPace(plan, time.Now())
	if !movesCursor(w) {
		tenth, last := 0, time.Now()
		return func(p batch.Progress) {
			now := time.Now()
			pace.add(p, now)
			next := 10 * p.Pictures / max(1, plan.Pictures)
			if p.Pictures == p.Earlier || next <= tenth && now.Sub(last) < linesEvery {
				return
			}
			tenth, last = next, now
			fmt.Fprintf(w, "pgcli: asking: %d of %d pictures, %s\n", p.Pictures, max(plan.Pictures, p.Pictures), pace)
		}, w, func() {}
	}
	bars := mpb.New(mpb.WithOutput(w), mpb.WithWidth(64))
	var text atomic.Value // the bar is drawn by a goroutine of its own
	text.Store("")
	bar := bars.AddBar(int64(plan.Pictures), mpb.PrependDecorators(decor.Name("asking "), decor.CountersNoUnit("%d / %d ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return text.Load().(string) })))
	return func(p batch.Progress) {
			pace.add(p, time.Now())
			text.Store(" " + pace.String())
			bar.SetTotal(int64(max(plan.Pictures, p.Pictures)), false)
			bar.SetCurrent(int64(p.Pictures))
		}, bars, func() {
			if !bar.Completed() {
				bar.Abort(false)
			}
			bars.Wait()
		}
}

// A pace tells how fast pictures are asked about, and how long the remaining ones take.
// Pictures that have their records already do not count: they take next to no time.
type pace struct {
	plan  *batch.Plan
	last  batch.Progress
	start time.Time // when the first picture was begun that is asked about
	now   time.Time
}

func newPace(plan *batch.Plan, start time.Time) *pace {
	return &pace{plan: plan, start: start, now: start}
}

// add tells how far the run is at a time.
func (t *pace) add(p batch.Progress, now time.Time) {
	if p.Pictures == p.Earlier { // no picture has been asked about so far
		t.start = now
	}
	t.last, t.now = p, now
}

// String spells the time left, the rate, and how many pictures failed; a narrow terminal has
// room for the first of these. It is empty before the first answer.
func (t *pace) String() string {
	asked, took := t.last.Pictures-t.last.Earlier, t.now.Sub(t.start)
	if asked == 0 || took <= 0 {
		return ""
	}
	text := fmt.Sprintf("%.3g a second", float64(asked)/took.Seconds())
	// Of a film the plan counts all frames, those with records too.
	if left := min(t.plan.Asked-asked, t.plan.Pictures-t.last.Pictures); left > 0 {
		text = spellTime(took*time.Duration(left)/time.Duration(asked)) + " left, " + text
	}
	if t.last.Failed > 0 {
		text += fmt.Sprintf(", %d failed", t.last.Failed)
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
	if _, err := fmt.Fprintf(w, "%s%s, %s: %s\n", about, legible.Count(plan.Pictures, "picture"), legible.Count(len(opts.Prompts), "prompt"), legible.Count(plan.Pictures*len(opts.Prompts), "answer")); err != nil {
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
	out, err := batch.Open(c.Context, filepath.Join(dir, "trial.jsonl"), id, false)
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
