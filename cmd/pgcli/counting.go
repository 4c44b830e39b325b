package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// counting shows how many of total are done, as progress does for bytes. log
// receives what is to be read above the bar; done ends it.
func counting(w io.Writer, what string, total int) (report func(n int), log io.Writer, done func()) {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
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
