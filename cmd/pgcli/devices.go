package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma"
)

// engineFlags choose the engine, for every command that computes.
func engineFlags() []cli.Flag {
	return grouped(groupModel, []cli.Flag{
		&cli.PathFlag{Name: "engine", Usage: "use this ggml shared `library`, or the one in this folder, instead of the built-in ggml"},
		&cli.StringSliceFlag{Name: "plugins", KeepSpace: true, Usage: "`path` of a plug-in with ggml backends, or of a folder of plug-ins, to load (repeatable)"},
	})
}

// engineOptions reads engineFlags, which may stand before the command's name or
// after it.
func engineOptions(c *cli.Context) *paligemma.EngineOptions {
	opts := &paligemma.EngineOptions{}
	for _, c := range c.Lineage() {
		if opts.Library == "" {
			opts.Library = c.Path("engine")
		}
		if len(opts.Plugins) == 0 {
			opts.Plugins = c.StringSlice("plugins")
		}
	}
	return opts
}

func devicesCommand() *cli.Command {
	return &cli.Command{
		Name:  "devices",
		Usage: "list the devices that models can run on",
		Description: `Shows the ggml in use, its devices with their memory, and the instruction
sets it was compiled with. Unused ones slow ggml down; advice says whether that
matters. In JSON, memory is in bytes.

Examples:
  pgcli devices
  pgcli devices --plugins build/plugins
  pgcli devices --engine /opt/ggml/lib --json`,
		Flags:        append(engineFlags(), &cli.BoolFlag{Name: "json", Usage: "print JSON"}),
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			engine, err := paligemma.LoadEngine(engineOptions(c))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, engine)
			}
			return printEngine(c.App.Writer, engine)
		},
	}
}

// printEngine prints the engine as text.
func printEngine(w io.Writer, e *paligemma.Engine) error {
	for _, line := range [][2]string{
		{"engine", "ggml " + e.Version}, {"door", whereFrom(e)}, {"kernels", orNone(e.Kernels)},
		{"compiled", orNone(e.Compiled)}, {"unused", orNone(e.Unused)}, {"advice", e.Advice},
	} {
		if text := fmt.Sprintf("%-9s %s", line[0], line[1]); line[1] != "" && isTerminal(w) {
			fmt.Fprintln(w, wrap(text, terminalWidth(w), 10))
		} else if line[1] != "" {
			fmt.Fprintln(w, text)
		}
	}
	fmt.Fprintln(w)
	table := [][]string{{"DEVICE", "KIND", "BACKEND", "FREE", "TOTAL", "DESCRIPTION"}}
	for _, d := range e.Devices {
		table = append(table, []string{d.Name, d.Kind, d.Backend, gibibytes(d.Free), gibibytes(d.Total), d.Description})
	}
	return printTable(w, table)
}

// whereFrom names the door of an engine, and the file of a shared library.
func whereFrom(e *paligemma.Engine) string {
	if e.Path == "" {
		return e.Door
	}
	return e.Door + " " + e.Path
}

// orNone joins names with spaces, and spells an empty list as "(none)".
func orNone(names []string) string {
	if len(names) == 0 {
		return "(none)"
	}
	return strings.Join(names, " ")
}

// gibibytes spells a memory size; ggml reports 0 for an unknown one.
func gibibytes(n uint64) string {
	if n == 0 {
		return "?"
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
