// Command pgcli runs PaliGemma models from GGUF files: captions, answers,
// boxes and masks for pictures, offline.
//
// Answers go to standard output, everything else to standard error. exit.go has
// the exit codes.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/cmd/internal/interrupt"
	"github.com/pgcli/paligemma/internal/guard"
)

func main() {
	ignoreFileLimit()
	os.Exit(run(interrupt.Context(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// run runs the command and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := guard.Run(func() error {
		app := newApp(stdin, stdout, stderr)
		defer flags.Release(app)
		args, err := arguments(app, args)
		if err != nil {
			return err
		}
		return app.RunContext(ctx, args)
	})
	return exitCode(ctx, err, stderr)
}

// newApp returns the command line: global flags and the commands, in the order of
// the help.
func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:                      "pgcli",
		Usage:                     "captions, answers, boxes and masks for pictures, with PaliGemma, offline",
		HideHelpCommand:           true, // helpCommand below
		DisableSliceFlagSeparator: true, // prompts have commas
		HideVersion:               true, // versionCommand also names the engine
		Reader:                    stdin,
		Writer:                    stdout,
		ErrWriter:                 stderr,
		Flags:                     append([]cli.Flag{cli.HelpFlag, &cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the versions of pgcli and of its engine"}}, engineFlags()...),
		Commands: []*cli.Command{runCommand(), chatCommand(), detectCommand(), segmentCommand(), batchCommand(), exportCommand(), mergeCommand(), serveCommand(), demoCommand(), convertCommand(), quantizeCommand(),
			joinCommand(), modelsCommand(), infoCommand(), tokenizeCommand(), evalCommand(), compareCommand(), benchCommand(), devicesCommand(), completionCommand(), manCommand(), versionCommand(), helpCommand()},
		Action:         root,
		OnUsageError:   wrongFlag,
		ExitErrHandler: func(*cli.Context, error) {}, // run reports errors
	}
	addHub(app.Commands)
	addHelp(app, stdout)
	return app
}

// root runs if the command line names no command.
func root(c *cli.Context) error {
	if c.Bool("version") {
		return printVersion(c)
	}
	if c.Args().Present() {
		return unknownCommand(c, c.Args().First())
	}
	return printHelp(c, "")
}

// unknownCommand says that no command has a name.
func unknownCommand(c *cli.Context, name string) error {
	if slices.Contains([]string{"enqueue", "work", "collect"}, name) {
		return usagef("%s is a command of pgcli-fleet, a program of its own: docs/fleet.md says how to get it", name)
	}
	var names []string
	for _, known := range c.App.VisibleCommands() {
		names = append(names, known.Name)
	}
	return usagef("unknown command %q; %s", name, didYouMean(name, func(n string) string { return "pgcli " + n }, names, "pgcli --help"))
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:         "help",
		Usage:        "show the flags of a command, with examples",
		ArgsUsage:    "[COMMAND]",
		Description:  "Without a COMMAND it lists the commands.",
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if name != "" && c.App.Command(name) == nil {
				return unknownCommand(c, name)
			}
			return printHelp(c, name)
		},
	}
}

// printHelp prints the help of a command; of the program for the name "".
func printHelp(c *cli.Context, name string) error {
	text := appHelp(c.App, helpWidth(c.App.Writer))
	if name != "" {
		text = commandHelp(c.App.Command(name), helpWidth(c.App.Writer))
	}
	_, err := io.WriteString(c.App.Writer, text)
	return err
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:         "version",
		Usage:        "print the versions of pgcli and of its engine",
		Description:  "The engine is the ggml that pgcli devices describes.",
		Flags:        engineFlags(),
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return printVersion(c)
		},
	}
}

// printVersion names the program and its engine; without an engine it says why.
func printVersion(c *cli.Context) error {
	if _, err := fmt.Fprintf(c.App.Writer, "pgcli %s\n", flags.Version()); err != nil {
		return err
	}
	engine, err := paligemma.LoadEngine(engineOptions(c))
	if err != nil {
		fmt.Fprintln(c.App.Writer, "engine: none")
		return err
	}
	fmt.Fprintf(c.App.Writer, "engine: ggml %s, %s\n", engine.Version, whereFrom(engine))
	return nil
}
