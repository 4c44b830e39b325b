package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
)

// Exit codes. Shells report a signal's number plus 128.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2
	exitSomeFailed = 3
	exitPanic      = 70 // EX_SOFTWARE of sysexits.h
	exitSignal     = 128
)

// exitCodes is the part of the help about them.
const exitCodes = `Exit codes: 0 success; 1 failure; 2 a mistake in the command line, or a flag that
this machine cannot follow; 3 some of several pictures, lines or prompts failed, and
the others are answered; 70 a bug of pgcli; 130 Ctrl-C; 141 nobody reads the
output any more (SIGPIPE, as when head has enough); 143 SIGTERM.
After Ctrl-C or SIGTERM serve ends with 0, if its requests have ended.`

// An interruption is the cause of a context that a signal ended.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string { return "interrupted" }

// Is lets an interruption pass for the end of a context.
func (i interruption) Is(target error) bool { return target == context.Canceled }

// interrupted returns the interruption by a signal.
func interrupted(s os.Signal) interruption {
	number, _ := s.(syscall.Signal)
	return interruption{number}
}

// interruptible returns a context that ends at the first Ctrl-C or SIGTERM. A second
// one ends the program at once.
func interruptible() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		signal.Stop(signals)
		cancel(interrupted(s))
	}()
	return ctx
}

// A someFailedError says that some of several questions failed. The others have been
// answered.
type someFailedError struct{ error }

// someFailed returns a someFailedError; nil if none failed.
func someFailed(failed, total int, what string) error {
	if failed == 0 {
		return nil
	}
	return someFailedError{fmt.Errorf("%d of %d %s failed", failed, total, what)}
}

// exitCode reports an error on stderr and returns the code of the program's end.
func exitCode(ctx context.Context, err error, stderr io.Writer) int {
	var fault *paligemma.PanicError
	var stopped interruption
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &fault):
		reportPanic(stderr, fault)
		return exitPanic
	case isBrokenPipe(err):
		return exitSignal + int(syscall.SIGPIPE) // as the signal itself, which ends a program that writes to standard output
	case errors.As(err, &stopped), errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(stderr, "pgcli: interrupted")
		if stopped.signal == 0 {
			errors.As(context.Cause(ctx), &stopped)
		}
		if stopped.signal == 0 {
			stopped.signal = syscall.SIGINT
		}
		return exitSignal + int(stopped.signal)
	}
	fmt.Fprintf(stderr, "pgcli: %s\n", message(err))
	switch {
	case isUsage(err):
		return exitUsage
	case errors.As(err, new(someFailedError)):
		return exitSomeFailed
	}
	return exitFailed
}

// isBrokenPipe reports whether an error says that the reader of a pipe left, which asks
// for no message. A connection that broke is another matter.
func isBrokenPipe(err error) bool {
	var write *fs.PathError
	return errors.As(err, &write) && slices.ContainsFunc(brokenPipes(), func(broken error) bool { return errors.Is(write, broken) })
}

// reportPanic prints a panic, and asks for a report.
func reportPanic(w io.Writer, p *paligemma.PanicError) {
	fmt.Fprintf(w, "pgcli: this is a bug of pgcli %s, please report it with the command, its files and these lines:\npanic: %v\n%s\n",
		flags.Version(), p.Value, strings.TrimSpace(string(p.Stack)))
}
