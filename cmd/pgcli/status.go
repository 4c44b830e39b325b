package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// isTerminal reports whether a terminal shows the output of w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// movesCursor reports whether a terminal shows w and can write a line again.
func movesCursor(w io.Writer) bool { return isTerminal(w) && os.Getenv("TERM") != "dumb" }

// statusAfter is how long a step may take before a status names it.
const statusAfter = 300 * time.Millisecond

// A status is the last line of a terminal, which says what takes its time, such as
// the loading of a model. It shows nothing elsewhere. A nil status is fine.
type status struct {
	w    io.Writer
	mu   sync.Mutex
	quit chan struct{} // ends the line that is shown; nil for none
	done sync.WaitGroup
}

// newStatus returns a status on w, nil unless w is a terminal.
func newStatus(w io.Writer) *status {
	if !isTerminal(w) {
		return nil
	}
	return &status{w: w}
}

// show replaces the line by a text, with the seconds that pass.
func (s *status) show(text string) {
	if s == nil {
		return
	}
	s.clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	quit := make(chan struct{})
	s.quit = quit
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		s.run(text, quit)
	}()
}

// run writes the line until quit is closed, and takes it away.
func (s *status) run(text string, quit chan struct{}) {
	start := time.Now()
	tick := time.NewTimer(statusAfter)
	defer tick.Stop()
	shown := false
	for {
		select {
		case <-quit:
			if shown {
				fmt.Fprint(s.w, "\r\x1b[K")
			}
			return
		case <-tick.C:
			if !movesCursor(s.w) {
				fmt.Fprintf(s.w, "pgcli: %s\n", text)
				<-quit
				return
			}
			line := []rune(fmt.Sprintf("pgcli: %s, %.0f s", text, time.Since(start).Seconds()))
			fmt.Fprintf(s.w, "\r\x1b[K%s", string(line[:min(len(line), terminalWidth(s.w)-1)]))
			shown = true
			tick.Reset(time.Second)
		}
	}
}

// clear takes the line away, before something else is written to the terminal.
func (s *status) clear() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quit != nil {
		close(s.quit)
		s.quit = nil
		s.done.Wait()
	}
}
