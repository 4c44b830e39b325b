package main

import (
	"fmt"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pgcli/paligemma/convert"
)

// progress shows the progress of a conversion: on a terminal a bar with rate and
// time left, elsewhere a line for every tenth. done ends it.
func progress(w io.Writer) (report func(convert.Progress), done func()) {
	if movesCursor(w) {
		return bars(w)
	}
	return lines(w), func() {}
}

// stage names a stage of a conversion.
func stage(verifying bool) string {
	if verifying {
		return "verifying"
	}
	return "writing"
}

// lines prints a line for every tenth of a stage.
func lines(w io.Writer) func(convert.Progress) {
	var last int64 = -1
	var verifying bool
	return func(p convert.Progress) {
		if p.Total == 0 {
			return
		}
		if p.Verifying != verifying {
			last, verifying = -1, p.Verifying
		}
		if tenth := 10 * p.Done / p.Total; tenth > last {
			last = tenth
			fmt.Fprintf(w, "pgcli: %s: %3d %% of %s\n", stage(p.Verifying), 100*p.Done/p.Total, size(p.Total))
		}
	}
}

// bars shows a bar for each stage.
func bars(w io.Writer) (func(convert.Progress), func()) {
	all := mpb.New(mpb.WithOutput(w), mpb.WithWidth(64))
	var bar *mpb.Bar
	var verifying bool
	var at time.Time
	var done int64
	report := func(p convert.Progress) {
		if bar == nil || p.Verifying != verifying {
			verifying, done, at = p.Verifying, 0, time.Now()
			bar = all.AddBar(p.Total,
				mpb.PrependDecorators(decor.Name(stage(verifying)+" "), decor.CountersKibiByte("% .1f / % .1f")),
				mpb.AppendDecorators(decor.EwmaSpeed(decor.SizeB1024(0), "% .0f", 30), decor.Name(" "), decor.EwmaETA(decor.ET_STYLE_GO, 30)))
		}
		bar.EwmaIncrInt64(p.Done-done, time.Since(at))
		done, at = p.Done, time.Now()
	}
	return report, func() {
		if bar != nil && !bar.Completed() {
			bar.Abort(false)
		}
		all.Wait()
	}
}

// counting shows how many of total are done, as progress does for bytes. log takes
// messages, which appear above the bar; done ends it.
func counting(w io.Writer, what string, total int) (report func(n int), log io.Writer, done func()) {
	if !movesCursor(w) {
		last := 0
		return func(n int) {
			if tenth := 10 * n / total; tenth > last {
				last = tenth
				fmt.Fprintf(w, "pgcli: %s: %d of %d\n", what, n, total)
			}
		}, w, func() {}
	}
	all := mpb.New(mpb.WithOutput(w), mpb.WithWidth(64))
	bar := all.AddBar(int64(total),
		mpb.PrependDecorators(decor.Name(what+" "), decor.CountersNoUnit("%d / %d")),
		mpb.AppendDecorators(decor.EwmaETA(decor.ET_STYLE_GO, 30)))
	at := time.Now()
	report = func(int) {
		bar.EwmaIncrement(time.Since(at))
		at = time.Now()
	}
	return report, all, func() {
		if !bar.Completed() {
			bar.Abort(false)
		}
		all.Wait()
	}
}

// size spells a number of bytes.
func size(n int64) string {
	switch f := float64(n); {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", f/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", f/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", f/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
