package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/cmd/internal/flags"
)

// arguments returns the arguments of the program in the order that package cli reads: see
// flags.First. A call for help becomes one of the command help, which notices when its
// output cannot be written.
func arguments(app *cli.App, args []string) ([]string, error) {
	for i, name := range args {
		switch {
		case i == 0:
			continue
		case slices.Contains(helpFlags, name):
			return []string{args[0], "help"}, nil
		case app.Command(name) == nil:
			continue
		}
		given, _ := flags.Split(app.Command(name).Flags, args[i+1:])
		if asksForHelp(app.Command(name).Flags, given) {
			return []string{args[0], "help", name}, nil
		}
		break
	}
	return flags.First(app, args)
}

// helpFlags are the spellings of the flag that asks for help.
var helpFlags = []string{"--help", "-help", "-h", "--h"}

// asksForHelp reports whether one of given is the flag for help, and not another's value.
func asksForHelp(known []cli.Flag, given []string) bool {
	for i := 0; i < len(given); i++ {
		if slices.Contains(helpFlags, given[i]) {
			return true
		}
		if flags.TakesValue(known, given[i]) {
			i++
		}
	}
	return false
}
