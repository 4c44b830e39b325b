package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/cmd/internal/interrupt"
)

// Exit codes; package interrupt has those of signals.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2
	exitSomeFailed = 3
	exitPanic      = 70 // EX_SOFTWARE of sysexits.h
)

// exitCodes is the part of the help about them.
const exitCodes = `Exit codes: 0 success; 1 failure; 2 a mistake in the command line, or a flag that
this machine cannot follow; 3 some of several pictures, lines or prompts failed, and
the others are answered; 70 a bug of pgcli; 130 Ctrl-C; 141 nobody reads the
output any more (SIGPIPE, as when head has enough); 143 SIGTERM.
After Ctrl-C or SIGTERM serve ends with 0, if its requests have ended.`

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
	interrupted := interrupt.Code(ctx, err)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &fault):
		reportPanic(stderr, fault)
		return exitPanic
	case isBrokenPipe(err):
		return interrupt.CodeOf(syscall.SIGPIPE) // as the signal itself, which ends a program that writes to standard output
	case interrupted != 0:
		fmt.Fprintln(stderr, "pgcli: interrupted")
		return interrupted
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
