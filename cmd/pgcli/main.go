// Command pgcli runs PaliGemma models from GGUF files: captions, answers,
// boxes and masks for pictures, offline.
//
// Answers go to standard output, everything else to standard error. It exits
// with 0 on success, 1 after a failure, 2 after a mistake in the command line and
// 130 after Ctrl-C.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // as shells report SIGINT
)

// run runs the command and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := newApp(stdin, stdout, stderr)
	err := app.RunContext(ctx, flagsFirst(app, args))
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, syscall.EPIPE):
		return exitFailed // the reader of the answer left: no message
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(stderr, "pgcli: interrupted")
		return exitInterrupted
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "pgcli: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "pgcli: %v\n", err)
	return exitFailed
}

// A usageError is a mistake in the command line.
type usageError struct{ error }

// usagef returns a usageError.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// newApp returns the command line: global flags and the commands, in the order of
// the help.
func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:                      "pgcli",
		Usage:                     "captions, answers, boxes and masks for pictures, with PaliGemma, offline",
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true, // prompts have commas
		HideVersion:               true, // our own flag below also names the engine
		Reader:                    stdin,
		Writer:                    stdout,
		ErrWriter:                 stderr,
		Flags:                     append([]cli.Flag{&cli.BoolFlag{Name: "version", Usage: "print the versions of pgcli and of its engine"}}, engineFlags()...),
		Commands:                  []*cli.Command{benchCommand(), runCommand(), detectCommand(), segmentCommand(), demoCommand(), evalCommand(), compareCommand(), convertCommand(), quantizeCommand(), infoCommand(), tokenizeCommand(), devicesCommand()},
		Action:                    root,
		OnUsageError:              wrongFlag,
		ExitErrHandler:            func(*cli.Context, error) {}, // run reports errors
	}
}

// root runs if the command line names no command.
func root(c *cli.Context) error {
	if c.Bool("version") {
		return printVersion(c)
	}
	if c.Args().Present() {
		return usagef("unknown command %q; see pgcli --help", c.Args().First())
	}
	return cli.ShowAppHelp(c)
}

// wrongFlag makes an error about flags a usageError.
func wrongFlag(_ *cli.Context, err error, _ bool) error { return usageError{err} }

// noArguments refuses stray arguments: usually their flag was forgotten.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("%s takes no arguments, got %q", c.Command.Name, c.Args().Slice())
	}
	return nil
}

// printVersion names the program and its engine; without an engine it says why.
func printVersion(c *cli.Context) error {
	fmt.Fprintf(c.App.Writer, "pgcli %s\n", version())
	engine, err := paligemma.LoadEngine(engineOptions(c))
	if err != nil {
		fmt.Fprintln(c.App.Writer, "engine: none")
		return err
	}
	fmt.Fprintf(c.App.Writer, "engine: ggml %s, %s\n", engine.Version, whereFrom(engine))
	return nil
}

// version returns the module's version, as the go command recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
