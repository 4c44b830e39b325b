package flags

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pgcli/paligemma/batch"
)

// found returns the names that arguments lead to, each time their sources are gone through,
// and the errors on the way.
func found(t *testing.T, stdin string, arguments ...string) (names []string, failed string, err error) {
	t.Helper()
	return foundIn(t, strings.NewReader(stdin), arguments...)
}

func foundIn(t *testing.T, stdin io.Reader, arguments ...string) (names []string, failed string, err error) {
	t.Helper()
	app := &cli.App{Name: "pgcli", Flags: InputFlags(), Reader: stdin, ErrWriter: new(bytes.Buffer), Action: func(c *cli.Context) error {
		in, err := NewInputs(c)
		if err != nil {
			return err
		}
		defer in.Close()
		for range 2 {
			names, failed = nil, ""
			for _, s := range in.Sources {
				for item, err := range s.Items(c.Context) {
					if err != nil {
						failed += err.Error() + "\n"
						continue
					}
					names = append(names, filepath.ToSlash(item.Name))
				}
			}
		}
		return nil
	}}
	err = app.RunContext(t.Context(), append([]string{"pgcli", "--"}, arguments...))
	return names, failed, err
}

// TestListsOfEveryKind: of pictures, folders, archives and patterns, with line ends of
// Windows and a mark of their encoding, from a file, a pipe and standard input.
func TestListsOfEveryKind(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Chdir(t.TempDir())
	for _, name := range []string{"a.jpg", "b[1].jpg", "sub/c.jpg", "sub/notes.txt", "sub/.d.jpg", "set/e.jpg", " f .jpg"} {
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, []byte(name), 0o644))
	}
	must(t, os.MkdirAll("table", 0o755))
	must(t, os.WriteFile("table/metadata.csv", []byte("text,file_name\r\nx,a.jpg\r\n"), 0o644))
	must(t, os.WriteFile("set/metadata.jsonl", []byte(`{"file_name":"e.jpg"}`+"\n\n"+`{"file_name":"below/g.jpg"}`+"\n"), 0o644))
	var shard bytes.Buffer
	w := tar.NewWriter(&shard)
	for _, name := range []string{"0.cls", "0.left.jpg", "0.right.jpg", "1.jpg"} {
		must(t, w.WriteHeader(&tar.Header{Name: name, Size: 1, Mode: 0o644}))
		w.Write([]byte("x"))
	}
	must(t, w.Close())
	must(t, os.WriteFile("s.tar", shard.Bytes(), 0o644))
	must(t, os.WriteFile("broken.tar", shard.Bytes()[:700], 0o644))
	list := "\ufeffa.jpg\r\n\r\ns.tar\r\nsub\r\nset/metadata.jsonl\r\ntable/metadata.csv\r\nbroken.tar\r\nnone.jpg\r\n f .jpg\r\nb[1].jpg"
	must(t, os.WriteFile("list", []byte(list), 0o644))
	want := []string{"a.jpg", "s.tar#0.left.jpg", "s.tar#0.right.jpg", "s.tar#1.jpg", "sub/c.jpg", "set/e.jpg", "set/below/g.jpg", "table/a.jpg", "none.jpg", " f .jpg", "b[1].jpg"}
	for _, argument := range []string{"@list", "-"} {
		names, failed, err := found(t, list, argument)
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "broken.tar#") })
		if err != nil || !slices.Equal(names, want) || strings.Count(failed, "\n") != 1 || !strings.HasPrefix(failed, "broken.tar: ") {
			t.Errorf("%s: got %q, %q, %v, want %q, and an error about broken.tar", argument, names, failed, err, want)
		}
	}
	if names, failed, err := found(t, "", "b[[]1].jpg", "?.jpg", "b[1].jpg", "s*"); err != nil || failed != "" || !slices.Equal(names, []string{"b[1].jpg", "a.jpg", "b[1].jpg", "s.tar#0.left.jpg", "s.tar#0.right.jpg", "s.tar#1.jpg", "set/e.jpg", "sub/c.jpg"}) {
		t.Errorf("patterns: got %q, %q, %v", names, failed, err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("%q are left, %v", left, err)
	}
}

// TestWrongListsAreRefused before anything is asked, and said what is wrong.
func TestWrongListsAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, os.MkdirAll("both", 0o755))
	must(t, os.WriteFile("both/metadata.csv", []byte("file_name\na.jpg\n"), 0o644))
	must(t, os.WriteFile("both/metadata.jsonl", []byte(`{"file_name":"a.jpg"}`), 0o644))
	must(t, os.Mkdir("bare", 0o755))
	must(t, os.WriteFile("bare/metadata.csv", []byte("file_name\n"), 0o644))
	must(t, os.Mkdir("empty", 0o755))
	must(t, os.WriteFile("a.jpg", nil, 0o644))
	for name, c := range map[string]struct{ list, want string }{
		"blank":    {"\n \r\n", "list has no line with an input"},
		"archive":  {"a.jpg\nx\x00y\n", "list: line 2: not UTF-8, nor UTF-16"},
		"folder":   {"a.jpg\nempty\n", "list: folder empty has no pictures, among 0 files"},
		"model":    {"m.gguf\n", "list: m.gguf is a model: give it with -m m.gguf"},
		"bucket":   {"s3://\n", `list: "s3://" names no bucket`},
		"both":     {"both/metadata.csv\nboth/metadata.jsonl\n", "list: both/metadata.csv and both/metadata.jsonl name the pictures of one folder: give one of them"},
		"no rows":  {"bare/metadata.csv\n", "list: bare/metadata.csv has no rows, want names of pictures"},
		"metadata": {"metadata.jsonl\n", "list: open metadata.jsonl: "},
		"long":     {strings.Repeat("x", 1<<20+1), "list: line 1 is longer than 1048576 bytes"},
	} {
		must(t, os.WriteFile("list", []byte(c.list), 0o644))
		if names, _, err := found(t, "", "@list"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, error %v, want %s", name, names, err, c.want)
		}
	}
	for want, arguments := range map[string][]string{
		"standard input (-) is named twice": {"-", "-"},
		"open none: ":                       {"@none"},
		"standard input has no line":        {"-", "a.jpg"},
		`no file matches "x*"`:              {"x*"},
		`pattern "x[": syntax error in pat`: {"x["},
	} {
		stdin := ""
		if len(arguments) == 2 && arguments[1] == "-" {
			stdin = "a.jpg\n"
		}
		if names, _, err := found(t, stdin, arguments...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, error %v, want %s", arguments, names, err, want)
		}
	}
}

// An endless reader repeats a text.
type endless struct {
	text string
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = e.text[(e.read+n)%len(e.text)]
	}
	e.read += len(p)
	return len(p), nil
}

// TestEndlessLists: another program may write names, or bytes, for ever.
func TestEndlessLists(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, os.WriteFile("a.jpg", nil, 0o644))
	defer func(was int64) { maxStream = was }(maxStream)
	maxStream = 3 << 20
	for text, want := range map[string]string{
		"a.jpg\n": "standard input has 0 GiB of names or more",
		"x":       "standard input: line 1 is longer than 1048576 bytes",
		"\x00":    "standard input: line 1: not UTF-8",
	} {
		stdin := &endless{text: text}
		_, _, err := foundIn(t, stdin, "-")
		if err == nil || !strings.Contains(err.Error(), want) || stdin.read > 4<<20 {
			t.Errorf("%q for ever: error %v after %d bytes, want %s", text, err, stdin.read, want)
		}
	}
}

// TestAListThatChanges is read as it was when it was opened; what it names may change.
func TestAListThatChanges(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, os.WriteFile("list", []byte("sub\na.jpg\n"), 0o644))
	must(t, os.Mkdir("sub", 0o755))
	must(t, os.WriteFile("sub/b.jpg", nil, 0o644))
	app := &cli.App{Flags: InputFlags(), ErrWriter: new(bytes.Buffer), Action: func(c *cli.Context) error {
		in, err := NewInputs(c)
		must(t, err)
		defer in.Close()
		must(t, os.Remove("list"))
		must(t, os.RemoveAll("sub"))
		must(t, os.WriteFile("sub", nil, 0o644))
		var names []string
		for item, err := range batch.Sources(in.Sources[0].(batch.Sources)).Items(t.Context()) {
			must(t, err)
			names = append(names, item.Name)
		}
		if !slices.Equal(names, []string{"sub", "a.jpg"}) {
			t.Errorf("got %q", names)
		}
		return nil
	}}
	must(t, app.RunContext(t.Context(), []string{"pgcli", "@list"}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
