// Command pgcli-fleet answers prompts about pictures on many machines, over a queue of NATS
// JetStream. docs/fleet.md has a walk through it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/cmd/internal/interrupt"
	"github.com/pgcli/paligemma/internal/guard"
	"github.com/pgcli/paligemma/internal/legible"
)

func main() {
	os.Exit(run(interrupt.Context(), os.Args, os.Stdin, os.Stdout, os.Stderr, nil))
}

// run runs the command and returns its exit code. reading is called before a worker opens a
// picture; tests give it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, reading func(string)) int {
	err := guard.Run(func() error {
		app := &cli.App{
			Name: "pgcli-fleet", Usage: "answer prompts about pictures on many machines, over NATS JetStream",
			DisableSliceFlagSeparator: true, // prompts have commas
			HideVersion:               true, // the flag below prints it as pgcli does
			Reader:                    stdin, Writer: stdout, ErrWriter: stderr,
			Flags:          []cli.Flag{&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version of pgcli-fleet"}},
			Commands:       []*cli.Command{enqueueCommand(), workCommand(reading), collectCommand(), statusCommand()},
			ExitErrHandler: func(*cli.Context, error) {}, // run reports errors
			OnUsageError:   wrongFlag,
			Action: func(c *cli.Context) error {
				if c.Bool("version") {
					_, err := fmt.Fprintf(c.App.Writer, "pgcli-fleet %s\n", flags.Version())
					return err
				}
				if c.Args().Present() {
					return flags.Usagef("unknown command %q; see pgcli-fleet --help", c.Args().First())
				}
				return cli.ShowAppHelp(c)
			},
		}
		for _, c := range app.Commands {
			c.OnUsageError = wrongFlag
		}
		args, err := flags.First(app, args)
		if err != nil {
			return err
		}
		defer flags.Release(app)
		return app.RunContext(ctx, args)
	})
	return exitCode(ctx, err, stderr)
}

func wrongFlag(_ *cli.Context, err error, _ bool) error { return flags.UsageError{Err: err} }

// A someFailedError says that some of several questions failed, or have no answer yet.
type someFailedError struct{ error }

// exitCode reports an error and returns the exit code, as pgcli has them.
func exitCode(ctx context.Context, err error, stderr io.Writer) int {
	var fault *paligemma.PanicError
	interrupted := interrupt.Code(ctx, err)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &fault):
		fmt.Fprintf(stderr, "pgcli-fleet: this is a bug of pgcli-fleet %s, please report it with the command and these lines:\npanic: %v\n%s\n", flags.Version(), fault.Value, fault.Stack)
		return 70
	case interrupted != 0:
		fmt.Fprintln(stderr, "pgcli-fleet: interrupted")
		return interrupted
	}
	text := legible.Text(err.Error())
	for _, name := range []string{"paligemma: ", "batch: "} {
		text = strings.TrimPrefix(text, name)
	}
	fmt.Fprintf(stderr, "pgcli-fleet: %s\n", text)
	switch {
	case errors.As(err, new(flags.UsageError)), errors.Is(err, paligemma.ErrOptions):
		return 2
	case errors.As(err, new(someFailedError)):
		return 3
	}
	return 1
}
