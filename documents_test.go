package paligemma_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the Markdown files of the repository: paths with slashes, and texts.
func documents(t *testing.T) map[string]string {
	texts := map[string]string{}
	walk(t, ".md", func(file string, text string) { texts[file] = text })
	if len(texts) < 10 {
		t.Fatalf("only %d Markdown files found", len(texts))
	}
	return texts
}

// walk calls each for the files with an ending, without those that are made or fetched.
func walk(t *testing.T, ending string, each func(file, text string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"testdata", "build", "bin", "target"}, d.Name())):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ending):
			return nil
		}
		text, err := os.ReadFile(file)
		each(filepath.ToSlash(file), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	heading  = regexp.MustCompile("(?m)^#+ (.*)$")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	unslug   = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
	code     = regexp.MustCompile("(?s:```.*?```)|`[^`]+`|(?m:^    .*$)")
	makeCall = regexp.MustCompile(`\bmake ([a-z][a-z0-9/-]*)`)
	target   = regexp.MustCompile(`(?m)^([a-z][a-z0-9/-]*):`)
	source   = regexp.MustCompile("^`([\\w./-]+\\.(?:go|c|h|js|py|sh))`$")
	testName = regexp.MustCompile(`\b((?:Test|Fuzz)[A-Z]\w*)(\W)`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// anchors returns the anchors that GitHub gives the headings of a text.
func anchors(text string) (list []string) {
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		list = append(list, strings.ReplaceAll(unslug.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return list
}

// TestLinksOfDocumentsResolve: files and headings that Markdown links to exist.
func TestLinksOfDocumentsResolve(t *testing.T) {
	texts, links := documents(t), 0
	for file, text := range texts {
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			links++
			to, anchor, _ := strings.Cut(l[1], "#")
			if to = path.Join(path.Dir(file), to); strings.HasPrefix(l[1], "#") {
				to = file
			}
			if _, err := os.Stat(filepath.FromSlash(to)); err != nil {
				t.Errorf("%s links to %s: %v", file, l[1], err)
			} else if anchor != "" && !slices.Contains(anchors(texts[to]), anchor) {
				t.Errorf("%s links to %s; the headings of %s are %q", file, l[1], to, anchors(texts[to]))
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links found", links)
	}
}

// TestDocumentsNameWhatExists: targets of make, tests, and files of sources, which may be named
// without the folders they lie in.
func TestDocumentsNameWhatExists(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := submatches(target, string(makefile))
	var tests, files []string
	for _, ending := range []string{".go", ".c", ".h", ".js", ".py", ".sh"} {
		walk(t, ending, func(file, _ string) { files = append(files, "/"+file) })
	}
	walk(t, "_test.go", func(_, text string) { tests = append(tests, submatches(testFunc, text)...) })
	seen := 0
	for file, text := range documents(t) {
		for _, c := range code.FindAllString(text, -1) {
			for _, name := range submatches(makeCall, c) {
				if seen++; !slices.Contains(targets, name) {
					t.Errorf("%s: %q: the Makefile has no target %s", file, c, name)
				}
			}
			for _, name := range submatches(source, c) {
				if seen++; !slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, "/"+strings.TrimPrefix(name, "../")) }) {
					t.Errorf("%s: %s: there is no such file", file, c)
				}
			}
			for _, m := range testName.FindAllStringSubmatch(c, -1) {
				name, more := m[1], m[2] == "*" || m[2] == "…" // a pattern is the start of names
				if seen++; !slices.ContainsFunc(tests, func(t string) bool { return t == name || more && strings.HasPrefix(t, name) }) {
					t.Errorf("%s: %q: no test is called %s", file, c, name)
				}
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d targets, tests and files found in documents", seen)
	}
}

func submatches(pattern *regexp.Regexp, text string) (list []string) {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// TestArchitectureNamesEveryPackage of layers.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	text := documents(t)["ARCHITECTURE.md"]
	for pkg := range layers {
		if pkg != "" && !strings.Contains(text, "`"+pkg+"`") {
			t.Errorf("ARCHITECTURE.md has no row for package %s", pkg)
		}
	}
}
