package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/pgcli/paligemma/convert"
)

// progress shows how far a conversion is: a bar with rate and time left on a
// terminal, a line every tenth elsewhere. done ends it.
func progress(w io.Writer) (report func(convert.Progress), done func()) {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return bars(w)
	}
	return lines(w), func() {}
}

// stage names what is done with the data.
func stage(verifying bool) string {
	if verifying {
		return "verifying"
	}
	return "writing"
}

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

// size prints a number of bytes.
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
