package paligemma_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testengine"
)

// The module that carries the built-in ggml.
const ggmlModule = "github.com/ollama/ollama"

// forTests lists the packages that bring the built-in door to tests,
// withoutGGML the tests that convert to types for which ggml is not needed, and
// those that ask no model.
var (
	forTests    = []string{module + "/internal/testmodel", module + "/bindings/internal/cbench"}
	withoutGGML = []string{
		module + "/internal/locseg.test",
		module + "/batch/record.test", module + "/batch/archive.test", module + "/batch/video.test",
		module + "/batch/export.test", module + "/batch/merge.test", module + "/batch/parquet.test", module + "/batch/s3.test",
		module + "/cmd/internal/flags.test",
	}
)

// TestProgramsChooseTheDoor has every library package do without the module of
// the built-in ggml, and every program and test that can call ggml import it:
// without it tests of ggml would be skipped.
func TestProgramsChooseTheDoor(t *testing.T) {
	cmd := exec.Command("go", "list", "-test", "-f", `{{.ImportPath}} {{.Name}} {{join .Deps " "}}`, "./...")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	programs, libraries := 0, 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		from, name, deps := words[0], words[1], words[2:]
		switch {
		case strings.HasPrefix(name, "["): // a package compiled again for a test
		case name == "main":
			if !slices.Contains(deps, module+"/bindings") || slices.Contains(withoutGGML, from) {
				continue
			}
			programs++
			if !slices.Contains(deps, module+"/ggml") {
				t.Errorf("%s can call ggml, but has none inside: import _ %q", from, module+"/ggml")
			}
		case from != module+"/ggml" && !slices.Contains(forTests, from):
			libraries++
			if i := slices.IndexFunc(deps, func(d string) bool { return within(d, ggmlModule) }); i >= 0 {
				t.Errorf("%s depends on %s: whoever imports it links that module", from, deps[i])
			}
		}
	}
	if programs < 7 || libraries < 15 {
		t.Errorf("only %d programs and tests, and %d packages, were looked at", programs, libraries)
	}
}

// TestProgramWithoutTheDoor builds a program that links the library and no
// ggml: it has nothing of the module in it, says what is missing, and works
// with a shared library.
func TestProgramWithoutTheDoor(t *testing.T) {
	program := filepath.Join(t.TempDir(), "nodoor")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/nodoor").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	modules, err := exec.Command("go", "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(modules), "github.com/ebitengine/purego") {
		t.Fatalf("go version -m lists no dependencies: %s", modules)
	}
	if strings.Contains(string(modules), ggmlModule) {
		t.Errorf("a program that does not import the door contains its module: %s", modules)
	}

	t.Run("no engine", func(t *testing.T) {
		out, err := nodoor(program, "")
		if err == nil {
			t.Skipf("the system has a ggml: %s", out)
		}
		for _, part := range []string{`import _ "` + module + `/ggml"`, "PALIGEMMA_GGML"} {
			if !strings.Contains(out, part) {
				t.Errorf("the error lacks %s: %s", part, out)
			}
		}
	})
	t.Run("shared library", func(t *testing.T) {
		if out, err := nodoor(program, testengine.Shared(t)); err != nil || out != "shared library\n" {
			t.Errorf("with a shared library: %v, %s", err, out)
		}
	})
}

// nodoor runs the program with PALIGEMMA_GGML set to engine.
func nodoor(program, engine string) (output string, err error) {
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "PALIGEMMA_GGML="+engine)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
