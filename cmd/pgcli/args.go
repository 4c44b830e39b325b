package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves a command's flags before its arguments, because package cli
// stops looking for flags at the first argument and would not understand
// "convert DIR -o FILE". Arguments after "--" stay in place.
func flagsFirst(app *cli.App, args []string) []string {
	for i, name := range args {
		if i == 0 {
			continue
		}
		if command := app.Command(name); command != nil {
			flags, rest := split(command.Flags, args[i+1:])
			return slices.Concat(args[:i+1], flags, rest)
		}
	}
	return args
}

// split separates flags, with their values, from arguments.
func split(known []cli.Flag, args []string) (flags, rest []string) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return flags, append(rest, args[i:]...)
		case a == "-" || !strings.HasPrefix(a, "-"):
			rest = append(rest, a)
		default:
			flags = append(flags, a)
			if takesValue(known, a) && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		}
	}
	return flags, rest
}

// takesValue reports whether the argument after flag is its value.
func takesValue(known []cli.Flag, flag string) bool {
	name := strings.TrimLeft(flag, "-")
	for _, f := range known {
		if slices.Contains(f.Names(), name) {
			d, ok := f.(cli.DocGenerationFlag)
			return ok && d.TakesValue()
		}
	}
	return false
}
