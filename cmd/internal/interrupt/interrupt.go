// Package interrupt ends a command's context at Ctrl-C or SIGTERM.
package interrupt

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// An Error is the cause of a context that a signal ended. It passes for [context.Canceled].
type Error struct{ Signal syscall.Signal }

func (e Error) Error() string { return "interrupted" }

// Is lets an interruption pass for the end of a context.
func (e Error) Is(target error) bool { return target == context.Canceled }

// By returns the interruption by a signal.
func By(s os.Signal) Error {
	number, _ := s.(syscall.Signal)
	return Error{number}
}

// Context returns a context that ends at the first Ctrl-C or SIGTERM. A second one ends the
// program at once.
func Context() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		signal.Stop(signals)
		cancel(By(s))
	}()
	return ctx
}

// CodeOf is the exit code of a program that a signal ends, as shells report it.
func CodeOf(s syscall.Signal) int { return 128 + int(s) }

// Code returns the exit code of a command that ends with err because ctx or a call was
// interrupted; 0 if err has another cause.
func Code(ctx context.Context, err error) int {
	var e Error
	if !errors.As(err, &e) && (!errors.Is(err, context.Canceled) || ctx.Err() == nil) {
		return 0
	}
	if e.Signal == 0 {
		errors.As(context.Cause(ctx), &e)
	}
	if e.Signal == 0 {
		e.Signal = syscall.SIGINT
	}
	return CodeOf(e.Signal)
}
