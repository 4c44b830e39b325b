package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// Groups of flags, which the help prints after the flags without a group.
const (
	groupSampling = "Choice of tokens"
	groupOutput   = "Output"
	groupModel    = "Model, speed and memory"
)

// grouped puts flags into a group of the help.
func grouped(group string, flags []cli.Flag) []cli.Flag {
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.BoolFlag:
			f.Category = group
		case *cli.IntFlag:
			f.Category = group
		case *cli.Int64Flag:
			f.Category = group
		case *cli.Float64Flag:
			f.Category = group
		case *cli.StringFlag:
			f.Category = group
		case *cli.PathFlag:
			f.Category = group
		case *cli.StringSliceFlag:
			f.Category = group
		}
	}
	return flags
}

// addHelp gives the program and its commands their help, as wide as w, a template
// that package cli prints as it is.
func addHelp(app *cli.App, w io.Writer) {
	width := helpWidth(w)
	app.CustomAppHelpTemplate = literal(appHelp(app, width))
	for _, c := range app.Commands {
		c.CustomHelpTemplate = literal(commandHelp(c, width))
	}
}

// helpWidth returns the columns of a help that w shows.
func helpWidth(w io.Writer) int { return min(80, terminalWidth(w)) }

// terminalWidth returns the columns of the terminal that shows w, 80 for anything
// else.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return max(20, columns)
		}
	}
	return 80
}

const firstSteps = `  pgcli demo
  pgcli run -hf google/paligemma2-3b-mix-448 photo.jpg "caption en"
`

// appHelp returns the help of the program.
func appHelp(app *cli.App, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n  pgcli COMMAND [FLAGS]\n\nCommands:\n", wrap(app.Name+": "+app.Usage, width, 0))
	for _, c := range app.VisibleCommands() {
		entry(&b, c.Name, c.Usage, 12, width)
	}
	b.WriteString("\nFlags:\n")
	for _, f := range app.Flags {
		flagEntry(&b, f, width)
	}
	fmt.Fprintf(&b, "\n%s\n", paragraphs(exitCodes, width))
	fmt.Fprintf(&b, "\n%s\n", wrap("pgcli help COMMAND shows the flags of a command, with examples.", width, 0))
	fmt.Fprintf(&b, "\n%s\n%s", wrap("First steps: see what it does, then fetch a model and ask it. Without -m and -hf, the tiny model inside pgcli answers.", width, 0), firstSteps)
	return b.String()
}

// commandHelp returns the help of a command: flags without a group first.
func commandHelp(c *cli.Command, width int) string {
	var b strings.Builder
	args := "[FLAGS]"
	if c.ArgsUsage != "" {
		args = c.ArgsUsage + " " + args
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n%s\n", wrap("pgcli "+c.Name+": "+c.Usage, width, 0), wrap("  pgcli "+c.Name+" "+args, width, 4))
	text, examples, _ := strings.Cut(c.Description, "Examples:\n")
	fmt.Fprintf(&b, "\n%s\n", paragraphs(strings.TrimSpace(text), width))
	var groups []string
	members := map[string][]cli.Flag{}
	for _, f := range c.Flags {
		group := f.(cli.CategorizableFlag).GetCategory()
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
		members[group] = append(members[group], f)
	}
	slices.SortStableFunc(groups, func(a, b string) int { return min(1, len(a)) - min(1, len(b)) })
	for _, group := range groups {
		title := group
		if title == "" {
			title = "Flags"
		}
		fmt.Fprintf(&b, "\n%s:\n", title)
		for _, f := range members[group] {
			flagEntry(&b, f, width)
		}
	}
	if examples != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", strings.TrimRight(examples, "\n"))
	}
	return b.String()
}

// literal returns a template that prints a text.
func literal(s string) string { return strings.ReplaceAll(s, "{{", `{{"{{"}}`) }

// flagEntry writes a flag: its names and value, then its usage and default.
func flagEntry(b *strings.Builder, f cli.Flag, width int) {
	d := f.(cli.DocGenerationFlag)
	value, usage := "VALUE", d.GetUsage()
	if before, rest, ok := strings.Cut(usage, "`"); ok { // the name of the value is between backquotes
		var after string
		value, after, _ = strings.Cut(rest, "`")
		usage = before + value + after
	}
	var names []string
	for _, n := range f.Names() {
		dash := "--"
		if len(n) == 1 {
			dash = "-"
		}
		names = append(names, dash+n)
	}
	slices.SortStableFunc(names, func(a, b string) int { return min(3, len(a)) - min(3, len(b)) }) // -m, --model
	name := strings.Join(names, ", ")
	if d.TakesValue() {
		name += " " + strings.ToUpper(strings.ReplaceAll(value, " ", "-"))
		if v := strings.Trim(d.GetDefaultText(), `"`); v != "" && v != "0" && !strings.Contains(usage, "default") && !strings.Contains(usage, "("+v+":") {
			usage += " (default: " + v + ")"
		}
	}
	if env := d.GetEnvVars(); len(env) > 0 {
		usage += " [$" + strings.Join(env, ", $") + "]"
	}
	entry(b, name, usage, 24, width)
}

// entry writes a name and, from a column on, its text. A name that is too long, and
// every name on a narrow terminal, has a line of its own.
func entry(b *strings.Builder, name, text string, column, width int) {
	if width < 60 {
		column = 6
	}
	line := "  " + name
	if len(line)+2 > column {
		fmt.Fprintf(b, "%s\n", wrap(line, width, 4))
		line = ""
	}
	fmt.Fprintf(b, "%s\n", wrap(fmt.Sprintf("%-*s%s", column, line, text), width, column))
}

// paragraphs wraps a text. Lines without indentation flow, and so do those that go on
// an indented one: they start at the column of its text, which follows two spaces.
func paragraphs(text string, width int) string {
	var out []string
	var columns []int // of the text in each line of out
	flows := false
	for line := range strings.SplitSeq(text, "\n") {
		rest := strings.TrimLeft(line, " ")
		indent := len(line) - len(rest)
		last := len(out) - 1
		if rest != "" && flows && indent == columns[last] {
			out[last] += " " + rest
		} else {
			column := indent
			if name, after, ok := strings.Cut(rest, "  "); ok { // a column of names
				column += len(name) + 2 + len(after) - len(strings.TrimLeft(after, " "))
			}
			out, columns = append(out, line), append(columns, column)
			last++
		}
		flows = rest != "" && (indent == 0 || columns[last] > indent || columns[last] == indent && indent > 4) && !strings.HasSuffix(rest, ":")
	}
	for i, line := range out {
		out[i] = wrap(line, width, columns[i])
	}
	return strings.Join(out, "\n")
}

// wrap breaks a line at spaces into lines of at most width columns, of which all but
// the first are indented. Spaces at the start and between columns stay.
func wrap(line string, width, indent int) string {
	if indent > width/2 {
		indent = 4
	}
	var b strings.Builder
	for utf8.RuneCountInString(line) > width {
		cut := strings.LastIndexByte(string([]rune(line)[:width+1]), ' ')
		if cut <= len(line)-len(strings.TrimLeft(line, " ")) { // one long word
			if cut = strings.IndexByte(strings.TrimLeft(line, " "), ' '); cut < 0 {
				break
			}
			cut += len(line) - len(strings.TrimLeft(line, " "))
		}
		b.WriteString(strings.TrimRight(line[:cut], " ") + "\n")
		line = strings.Repeat(" ", indent) + strings.TrimLeft(line[cut:], " ")
	}
	return b.String() + line
}
