package paligemma_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pgcli/paligemma"

// layers lists, for each package, the packages of this module that it may
// import. It has no cycle, so it also bounds what is imported indirectly. Tests,
// and programs under scripts, may import more. "" is the root.
var layers = map[string][]string{
	"cmd/internal/flags":     {"", "grammar", "gguf", "models", "batch", "batch/archive", "batch/parquet", "batch/s3", "batch/video", "internal/infile", "internal/newfile", "internal/textfile", "internal/legible", "internal/hub"},
	"cmd/internal/interrupt": nil,
	"cmd/pgcli":              {"cmd/internal/flags", "cmd/internal/interrupt", "", "internal/guard", "grammar", "eval", "convert", "gguf", "models", "internal/overlay", "internal/infile", "internal/newfile", "internal/textfile", "ggml", "internal/legible", "server", "batch", "batch/record", "batch/export", "batch/export/parquet", "batch/merge", "internal/hub"},
	"server":                 {"", "grammar", "internal/guard", "internal/jsonl", "internal/overlay", "server/internal/remote", "server/page"},
	"eval":                   {"", "internal/imageproc", "internal/metrics", "internal/locseg", "internal/infile", "internal/textfile", "internal/newfile", "internal/jsonerr", "internal/jsonl"},

	"batch":                  {"", "batch/internal/compact", "batch/record", "internal/guard", "internal/infile", "internal/jsonerr", "internal/newfile", "internal/overlay", "internal/textfile"},
	"batch/internal/compact": nil,
	"batch/archive":          {"batch", "internal/infile"},
	"batch/parquet":          {"batch", "internal/guard", "internal/infile"},
	"batch/s3":               {"batch", "internal/infile"},
	"batch/export/parquet":   {"batch/export", "internal/newfile"},
	"batch/video":            {"batch", "internal/infile"},
	"batch/export":           {"", "batch/record", "internal/guard", "internal/overlay", "internal/imageproc", "internal/newfile", "internal/locseg", "internal/jsonl"},
	"batch/merge":            {"", "batch/internal/compact", "batch/record", "internal/infile", "internal/newfile"},
	"batch/record":           {"", "internal/jsonerr", "internal/jsonl", "internal/overlay"},
	"": {"grammar", "internal/decode", "internal/schedule", "internal/guard", "internal/sample", "internal/siglip", "internal/gemma", "internal/nn",
		"internal/hparams", "internal/imageproc", "internal/locseg", "internal/spm", "internal/sysmem", "internal/legible", "gguf", "bindings", "kernels"},
	"internal/decode":  {"grammar", "internal/sample", "internal/gemma", "internal/nn", "gguf"},
	"internal/sample":  {"grammar"},
	"grammar":          {"internal/locseg"},
	"convert":          {"gguf", "bindings", "internal/infile", "internal/sysmem", "internal/lfs", "internal/newfile", "internal/hparams", "internal/spm", "internal/locseg", "internal/legible", "internal/jsonerr", "internal/guard"},
	"internal/hparams": {"gguf"},
	"internal/siglip":  {"internal/nn", "internal/hparams"},
	"internal/gemma":   {"internal/nn", "internal/hparams", "gguf"},
	"internal/nn":      {"bindings", "kernels", "gguf", "internal/guard", "internal/legible"},
	"bindings":         {"internal/door", "internal/legible", "gguf"},
	"ggml":             {"internal/door"}, // imported by programs and tests only
	"gguf":             {"internal/infile", "internal/newfile", "internal/lfs"},
	"internal/overlay": {"internal/guard", "internal/imageproc"},

	// Tools of this repository, which nothing above imports.
	"bindings/internal/cbench": {"ggml"},
	"internal/synthetic":       {"convert", "gguf"}, // for tests and scripts

	"kernels":                  {"gguf"},
	"ggml/internal/gensymbols": nil,
	"models":                   nil,
	"internal/door":            nil,
	"internal/schedule":        {"internal/guard"},
	"internal/guard":           nil,
	"internal/imageproc":       {"kernels", "internal/infile", "internal/lfs"},
	"internal/locseg":          nil,
	"internal/metrics":         nil,
	"server/internal/remote":   nil,
	"server/page":              nil,
	"examples":                 nil, // tests of clients
	"examples/go":              nil,
	"internal/hub":             {"internal/infile", "internal/legible", "internal/newfile"},
	"internal/testhub":         nil, // for tests
	"internal/infile":          nil,
	"internal/newfile":         nil,
	"internal/lfs":             nil,
	"internal/legible":         nil,
	"internal/spm":             {"internal/jsonerr"},
	"internal/sysmem":          nil,
	"internal/jsonerr":         nil,
	"internal/jsonl":           {"internal/legible"},
	"internal/textfile":        nil,
	"internal/golden":          nil, // for tests
	"internal/abi":             nil, // for tests
	"internal/allocation":      nil, // for tests
	"internal/faulty":          nil, // for tests
	"internal/testengine":      nil, // for tests
	"internal/testctx":         nil, // for tests
	"internal/testlink":        nil, // for tests
	"internal/testpipe":        nil, // for tests
	"internal/testrace":        nil, // for tests
	"internal/testmodel": {"internal/testengine", "convert", "gguf", "grammar", "internal/golden", "internal/hparams", "internal/siglip",
		"internal/gemma", "internal/nn", "internal/locseg", "bindings", "kernels", "ggml"}, // for tests
}

// guarded lists the packages that may import what steps outside Go's own
// rules, or one of the two modules that do so for us. Packages under them may
// as well.
var guarded = map[string][]string{
	"unsafe":                       {"bindings", "ggml", "kernels"},
	"C":                            {"bindings", "ggml", "kernels"},
	"github.com/ebitengine/purego": {"bindings"},
	"github.com/ollama/ollama":     {"ggml"},
	// infile opens without waiting, sysmem asks for limits, gguf maps files into memory, bindings opens Windows libraries, pgcli
	// answers signals, a test of convert mounts a full disk, kernels asks for the
	// number of cores. None of them needs unsafe for it.
	"syscall":          {"internal/infile", "internal/sysmem", "gguf", "bindings", "cmd/pgcli", "cmd/pgcli-fleet", "cmd/internal/interrupt", "convert", "kernels", "server/internal/remote", "internal/hub", "internal/newfile", "scripts/bench/serve"},
	"golang.org/x/sys": {"internal/infile", "bindings", "cmd/pgcli", "internal/newfile", "kernels"}, // pgcli's tests open a terminal, newfile locks files, kernels' tests fence memory
}

// TestImportsPointDown checks every package of the module, as built with and
// without cgo, against layers.
func TestImportsPointDown(t *testing.T) {
	for _, cgo := range []string{"CGO_ENABLED=1", "CGO_ENABLED=0"} {
		cmd := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
		cmd.Env = append(cmd.Environ(), cgo)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", cmd, err)
		}
		seen := 0
		for line := range strings.Lines(string(out)) {
			words := strings.Fields(line)
			from, ours := inModule(words[0])
			if !ours || within(from, "scripts") {
				continue
			}
			seen++
			allowed, known := layers[from]
			if !known {
				t.Errorf("package %s has no place in the layers: add it to this test and to ARCHITECTURE.md", words[0])
				continue
			}
			for _, imported := range words[1:] {
				if to, ours := inModule(imported); ours && !slices.Contains(allowed, to) {
					t.Errorf("%s: package %q imports %q, allowed are %q", cgo, from, to, allowed)
				}
			}
		}
		if seen < 5 {
			t.Errorf("%s: only %d packages of the module listed", cgo, seen)
		}
	}
}

func inModule(importPath string) (rel string, ok bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// TestLayersHaveNoCycle checks the table itself.
func TestLayersHaveNoCycle(t *testing.T) {
	var walk func(pkg string, path []string)
	walk = func(pkg string, path []string) {
		if slices.Contains(path, pkg) {
			t.Fatalf("cycle: %q", append(path, pkg))
		}
		for _, to := range layers[pkg] {
			if _, known := layers[to]; !known {
				t.Errorf("%q may import %q, which has no layer", pkg, to)
			}
			walk(to, append(slices.Clone(path), pkg))
		}
	}
	for pkg := range layers {
		walk(pkg, nil)
	}
}

// within reports whether importPath is that of parent or below it.
func within(importPath, parent string) bool {
	return importPath == parent || strings.HasPrefix(importPath, parent+"/")
}

// TestGuardedImports reads every Go file, whatever its build constraints.
func TestGuardedImports(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || file == "build") {
			return filepath.SkipDir
		}
		if d.IsDir() || path.Ext(file) != ".go" {
			return nil
		}
		files++
		pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), ".")
		src, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range src.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			for guard, allowed := range guarded {
				if within(name, guard) && !slices.ContainsFunc(allowed, func(p string) bool { return within(pkg, p) }) {
					t.Errorf("%s imports %q, which only %q may", file, name, allowed)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("only %d files found", files)
	}
}
