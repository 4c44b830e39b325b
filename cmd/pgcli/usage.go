package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"github.com/pgcli/paligemma"
	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/legible"
)

// usagef returns a mistake in the command line.
func usagef(format string, args ...any) error { return flags.Usagef(format, args...) }

// noArguments refuses stray arguments: usually their flag was forgotten.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("%s takes no arguments, got %q", c.Command.Name, c.Args().Slice())
	}
	return nil
}

// wrongFlag makes an error of package flag about a flag a UsageError, in our words.
func wrongFlag(c *cli.Context, err error, _ bool) error {
	where := "pgcli --help"
	known := c.App.Flags
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		where, known = "pgcli help "+c.Command.Name, c.Command.Flags
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		var names []string
		for _, f := range known {
			names = append(names, f.Names()...)
		}
		return usagef("no flag %s; %s", flags.Dashed(strings.TrimLeft(name, "-")), didYouMean(strings.TrimLeft(name, "-"), flags.Dashed, names, where))
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		return usagef("%s needs a value; see %s", flags.Dashed(strings.TrimLeft(name, "-")), where)
	}
	var value, name string
	if n, _ := fmt.Sscanf(text, "invalid value %q for flag -%s", &value, &name); n == 2 {
		name = strings.TrimSuffix(name, ":")
		return usagef("%s is %q, want %s", flags.Dashed(name), value, wanted(known, name, text))
	}
	if n, _ := fmt.Sscanf(text, "invalid boolean value %q for -%s", &value, &name); n == 2 {
		return usagef("%s is %q, want it without a value", flags.Dashed(strings.TrimSuffix(name, ":")), value)
	}
	return flags.UsageError{Err: err}
}

// wanted says which values a flag takes.
func wanted(known []cli.Flag, name, text string) string {
	if strings.HasSuffix(text, "value out of range") {
		return "a smaller number"
	}
	for _, f := range known {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		switch f.(type) {
		case *cli.IntFlag, *cli.Int64Flag:
			return "a whole number"
		case *cli.Float64Flag:
			return "a number"
		case *cli.DurationFlag:
			return "a time, such as 30s or 2m"
		}
	}
	return "another value"
}

// otherNames are names of flags in other programs, which are not like ours.
var otherNames = map[string]string{
	"temperature": "temp", "max-tokens": "predict", "max-new-tokens": "predict", "num-predict": "predict", "context": "ctx-size",
}

// didYouMean asks about the name that is most like a wrong one. If none is alike it
// says where to look.
func didYouMean(wrong string, spell func(string) string, names []string, where string) string {
	best, least := "", 1+len(wrong)/3
	if own, ok := otherNames[wrong]; ok && slices.Contains(names, own) {
		return fmt.Sprintf("did you mean %s?", spell(own))
	}
	for _, n := range names {
		d := smetrics.WagnerFischer(wrong, n, 1, 1, 1)
		if len(n) > 1 && (strings.HasPrefix(n, wrong) && len(wrong) > 2) {
			d = min(d, 1)
		}
		if d <= least && len(n) > 1 && (best == "" || d < least) {
			best, least = n, d
		}
	}
	if best == "" {
		return "see " + where
	}
	return fmt.Sprintf("did you mean %s?", spell(best))
}

// ourPackages begin the messages of our packages, for programs that call them. A
// command has one name only.
var ourPackages = []string{"paligemma: ", "convert: ", "eval: ", "gguf: ", "bindings: ", "imageproc: ", "kernels: ", "grammar: ", "nn: ", "spm: ", "overlay: ", "server: ", "batch: "}

// optionFlags has the flags that set the library's options, which its errors name.
// Options that no flag sets are left out.
var optionFlags = strings.NewReplacer(
	"Options.MemoryLimit", "--max-memory",
	"Options.NoMmap", "--no-mmap",
	", a shorter context (Options.Context) or fewer tokens at a time (Options.Batch)", "",
)

// message returns the text of an error without the names of our packages, as far as
// they come before anything quoted, and without signs that control a terminal. It ends
// with what to do, if that is known for errors of its kind.
func message(err error) string {
	var b strings.Builder
	advice := permissionAdvice(err)
	text := optionFlags.Replace(legible.Text(err.Error()))
	for {
		cut := false
		for _, p := range ourPackages {
			if rest, ok := strings.CutPrefix(text, p); ok {
				text, cut = rest, true
			}
		}
		if cut {
			continue
		}
		i := strings.Index(text, ": ")
		if quote := strings.IndexByte(text, '"'); i < 0 || quote >= 0 && quote < i {
			return b.String() + text + advice
		}
		b.WriteString(text[:i+2])
		text = text[i+2:]
	}
}

// tell prints a message on w, standard error, without signs that control a terminal.
func tell(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, "pgcli: %s\n", legible.Text(fmt.Sprintf(format, args...)))
	return err
}

// isUsage reports whether an error is a mistake in the command line.
func isUsage(err error) bool {
	return errors.As(err, new(flags.UsageError)) || errors.Is(err, paligemma.ErrOptions) || errors.Is(err, convert.ErrOptions)
}
