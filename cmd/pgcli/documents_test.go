package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var (
	codeOfDocument = regexp.MustCompile("(?s:```.*?```)|`[^`]+`|(?m:^    .*$)")
	callOfPgcli    = regexp.MustCompile(`\bpgcli ([a-z][a-z-]*)([^|&>#;` + "`" + `]*)`)
	flagOfCall     = regexp.MustCompile(`(?:^|\s)--?([a-zA-Z][\w-]*)`)
	flagAlone      = regexp.MustCompile("^`--([a-z][\\w-]*)")
)

// TestDocumentsGiveFlagsThatExist: commands and flags of pgcli in code of the documents.
func TestDocumentsGiveFlagsThatExist(t *testing.T) {
	app := newApp(strings.NewReader(""), io.Discard, io.Discard)
	flags, all := map[string][]string{}, []string{}
	for _, c := range app.Commands {
		flags[c.Name] = namesOf(c.Flags)
		all = append(all, flags[c.Name]...)
	}
	calls, root := 0, filepath.Join("..", "..")
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "deploy/*.md", "examples/*.md", "models/*/*.md", "scripts/*.md", "scripts/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files are %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, code := range codeOfDocument.FindAllString(string(text), -1) {
				for _, call := range callOfPgcli.FindAllStringSubmatch(code, -1) {
					calls++
					known, ok := flags[call[1]]
					if !ok {
						t.Errorf("%s: %s: pgcli has no command %s", file, code, call[1])
					}
					for _, f := range flagOfCall.FindAllStringSubmatch(call[2], -1) {
						if ok && !slices.Contains(known, f[1]) {
							t.Errorf("%s: %s: pgcli %s has no flag %s", file, code, call[1], f[1])
						}
					}
				}
				// Other documents name flags of other programs, too.
				ours := slices.Contains([]string{filepath.Join(root, "README.md"), filepath.Join(root, "SECURITY.md")}, file)
				if f := flagAlone.FindStringSubmatch(code); f != nil && ours && !slices.Contains(all, f[1]) {
					t.Errorf("%s: %s: no command of pgcli has this flag", file, code)
				}
			}
		}
	}
	if calls < 80 {
		t.Errorf("only %d calls of pgcli found", calls)
	}
}

func namesOf(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	return names
}
