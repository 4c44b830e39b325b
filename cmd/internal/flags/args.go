package flags

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// First moves a command's flags before its arguments, because package cli
// stops looking for flags at the first argument and would not understand
// "convert DIR -o FILE". Arguments after "--" stay in place. The error is about a flag
// that is given twice.
func First(app *cli.App, args []string) ([]string, error) {
	for i, name := range args {
		if i == 0 {
			continue
		}
		if command := app.Command(name); command != nil {
			flags, rest := Split(command.Flags, args[i+1:])
			return slices.Concat(args[:i+1], flags, rest), twice(command.Flags, flags)
		}
	}
	return args, nil
}

// twice refuses a flag that names one file and is given two: package cli would take
// the last one without a word.
func twice(known []cli.Flag, flags []string) error {
	seen := map[string]bool{}
	for i := 0; i < len(flags); i++ {
		name, _, inline := strings.Cut(strings.TrimLeft(flags[i], "-"), "=")
		if !inline && TakesValue(known, name) {
			i++
		}
		for _, f := range known {
			if _, ok := f.(*cli.PathFlag); !ok || !slices.Contains(f.Names(), name) {
				continue
			}
			if seen[f.Names()[0]] {
				return Usagef("--%s is given twice, want one file", f.Names()[0])
			}
			seen[f.Names()[0]] = true
		}
	}
	return nil
}

// Split separates flags, with their values, from arguments.
func Split(known []cli.Flag, args []string) (flags, rest []string) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return flags, append(rest, args[i:]...)
		case a == "-" || !strings.HasPrefix(a, "-"):
			rest = append(rest, a)
		default:
			flags = append(flags, a)
			if TakesValue(known, a) && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		}
	}
	return flags, rest
}

// TakesValue reports whether the argument after flag is its value.
func TakesValue(known []cli.Flag, flag string) bool {
	name := strings.TrimLeft(flag, "-")
	for _, f := range known {
		if slices.Contains(f.Names(), name) {
			d, ok := f.(cli.DocGenerationFlag)
			return ok && d.TakesValue()
		}
	}
	return false
}
