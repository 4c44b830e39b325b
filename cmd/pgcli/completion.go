package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/pgcli/paligemma/cmd/internal/flags"
	"github.com/urfave/cli/v2"
)

// shells has the completion script of each shell. %[1]s is replaced by its cases: for
// each command its flags.
var shells = map[string]struct{ script, command string }{
	"bash": {`# bash completion of pgcli
_pgcli() {
	local word=${COMP_WORDS[COMP_CWORD]} words
	case $COMP_CWORD:${COMP_WORDS[1]} in
	1:*) words="%[2]s" ;;
%[1]s	esac
	COMPREPLY=()
	case $COMP_CWORD:$word in
	1:* | *:-*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
	esac
}
complete -o default -F _pgcli pgcli
`, "\t*:%s) words=\"%s\" ;;\n"},
	"zsh": {`#compdef pgcli
local words_of
case $CURRENT:$words[2] in
2:*) words_of="%[2]s" ;;
%[1]sesac
if [[ $CURRENT -eq 2 || $PREFIX == -* ]]; then
	compadd -- ${=words_of}
else
	_files
fi
`, "*:%s) words_of=\"%s\" ;;\n"},
	"fish": {`# fish completion of pgcli
complete -c pgcli -n __fish_use_subcommand -f -a "%[2]s"
%[1]s`, "complete -c pgcli -n \"__fish_seen_subcommand_from %[1]s; and string match -q -- '-*' (commandline -ct)\" -f -a \"%[2]s\"\n"},
	"powershell": {`# PowerShell completion of pgcli
Register-ArgumentCompleter -Native -CommandName pgcli -ScriptBlock {
	param($word, $ast, $position)
	$flags = @{
%[1]s	}
	$words = @($ast.CommandElements | ForEach-Object { "$_" })
	$before = $words.Count - [int]($word -ne '')
	if ($before -le 1) { $known = '%[2]s' } elseif ($word -like '-*') { $known = $flags[$words[1]] }
	"$known" -split ' ' | Where-Object { $_ -and $_.StartsWith($word) }
}
`, "\t\t'%s' = '%s'\n"},
}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes commands and flags in a shell",
		ArgsUsage: "bash|zsh|fish|powershell",
		Description: `The packages install these scripts.

Examples:
  source <(pgcli completion bash)
  pgcli completion zsh >"${fpath[1]}/_pgcli"
  pgcli completion fish >~/.config/fish/completions/pgcli.fish
  pgcli completion powershell | Out-String | Invoke-Expression`,
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			shell, ok := shells[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return usagef("completion got %q, want one of bash, zsh, fish, powershell", c.Args().Slice())
			}
			var cases strings.Builder
			var names []string
			for _, command := range c.App.Commands {
				if command.Hidden {
					continue
				}
				names = append(names, command.Name)
				fmt.Fprintf(&cases, shell.command, command.Name, strings.Join(flagWords(command.Flags), " "))
			}
			_, err := fmt.Fprintf(c.App.Writer, shell.script, cases.String(), strings.Join(names, " "))
			return err
		},
	}
}

// flagWords spells flags as they are typed.
func flagWords(all []cli.Flag) (words []string) {
	for _, f := range all {
		for _, name := range f.Names() {
			words = append(words, flags.Dashed(name))
		}
	}
	return words
}

// manCommand is for those who make packages.
func manCommand() *cli.Command {
	return &cli.Command{
		Name:         "man",
		Usage:        "print the manual page, in roff",
		Hidden:       true,
		OnUsageError: wrongFlag,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return printMan(c.App.Writer, c.App)
		},
	}
}

// printMan prints the help of the program and of its commands as a manual page.
func printMan(w io.Writer, app *cli.App) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH PGCLI 1 \"\" \"pgcli\" \"User Commands\"\n.SH NAME\npgcli \\- %s\n", roff(app.Usage))
	section := func(title, text string) {
		fmt.Fprintf(&b, ".SH %s\n.nf\n%s\n.fi\n", title, roff(strings.TrimSpace(text)))
	}
	_, overview, _ := strings.Cut(appHelp(app, 76), "\n\n")
	section("SYNOPSIS", overview)
	for _, c := range app.Commands {
		if !c.Hidden {
			section(strings.ToUpper("pgcli "+c.Name), commandHelp(c, 76))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// roff escapes a text: backslashes, hyphens, and what begins a line of commands.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n.", "\n\\&.", "\n'", "\n\\&'").Replace(text)
	return text
}
