package paligemma_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// networked lists the packages that may open connections. Importing the library opens
// none, and starts no program. Package s3 reads the buckets that are named; video starts ffmpeg; what parquet files are
// compressed with imports net/http and opens nothing.
var networked = []string{"cmd", "server", "internal/hub", "batch/video", "batch/parquet", "batch/s3", "batch/export/parquet", "examples"}

// parsing are the packages of net that only read names of places: html/template
// wants them.
var parsing = []string{"net/url", "net/netip"}

// TestLibraryHasNoNetwork wants no package of the library to import, however
// indirectly, what opens connections, starts programs or loads plug-ins of Go.
func TestLibraryHasNoNetwork(t *testing.T) {
	var packages []string
	for name := range layers {
		// Packages for tests import package testing, and are in no program.
		forTests := strings.HasPrefix(name, "internal/test") || slices.Contains([]string{"internal/golden", "internal/abi", "internal/allocation", "bindings/internal/cbench"}, name)
		if !forTests && !slices.ContainsFunc(networked, func(p string) bool { return within(name, p) }) {
			packages = append(packages, strings.TrimSuffix(module+"/"+name, "/"))
		}
	}
	for _, cgo := range []string{"CGO_ENABLED=1", "CGO_ENABLED=0"} {
		cmd := exec.Command("go", append([]string{"list", "-deps"}, packages...)...)
		cmd.Env = append(cmd.Environ(), cgo)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", cmd, err)
		}
		listed := strings.Fields(string(out))
		if len(listed) < 50 {
			t.Errorf("%s: only %d packages listed", cgo, len(listed))
		}
		for _, name := range listed {
			if within(name, "net") && !slices.Contains(parsing, name) || name == "os/exec" || name == "plugin" {
				t.Errorf("%s: the library depends on %s", cgo, name)
			}
		}
	}
}

// harmless are the names of net's packages that open no connection: types of values, and
// numbers, which begin with http.Status.
var harmless = []string{"http.DetectContentType", "net.OpError", "http.Header", "http.Request", "http.Response"}

// serving are the files of pgcli serve, which listens as it is asked to.
var serving = []string{"serve.go", "listen.go"}

// TestCommandHasNoNetwork wants the command's other files to call nothing of net's
// packages that opens a connection.
func TestCommandHasNoNetwork(t *testing.T) {
	files, err := filepath.Glob("cmd/pgcli/*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		if strings.HasSuffix(name, "_test.go") || slices.Contains(serving, name) {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		var imported []string
		for _, spec := range f.Imports {
			if p, _ := strconv.Unquote(spec.Path.Value); within(p, "net") && p != "net/url" || p == "os/exec" {
				imported = append(imported, filepath.Base(p))
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				x, ok := s.X.(*ast.Ident)
				if ok && slices.Contains(imported, x.Name) && !slices.Contains(harmless, x.Name+"."+s.Sel.Name) && !strings.HasPrefix(s.Sel.Name, "Status") {
					t.Errorf("%s uses %s.%s, want only %q of what may open a connection", path, x.Name, s.Sel.Name, harmless)
				}
			}
			return true
		})
	}
}
