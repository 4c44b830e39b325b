package main

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

// TestSIGTERMAfterCtrlC: SIGTERM ends a chat too if it comes while the work that Ctrl-C stopped
// still ends.
func TestSIGTERMAfterCtrlC(t *testing.T) {
	talk := &talk{c: &cli.Context{Context: t.Context()}}
	interrupts := make(chan os.Signal)
	err := talk.stoppable(interrupts, func(ctx context.Context) error {
		for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			select {
			case interrupts <- s:
			case <-time.After(time.Minute):
				t.Errorf("%v: nobody takes it", s)
			}
		}
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if err == nil || err.Error() != "stopped" || !talk.ended {
		t.Errorf("error %v, ended: %v; want that the work is stopped and the chat ends", err, talk.ended)
	}
}
