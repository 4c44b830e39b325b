package paligemma_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// openers lists the packages that may open files by themselves: the two that others
// open through, and those that read nothing that a user names.
var openers = []string{"internal/infile", "internal/newfile", "internal/abi", "internal/golden", "internal/testmodel", "ggml/internal", "scripts", "examples"}

// TestFilesAreOpenedInOnePlace: a path may lead to a pipe or a device, which only
// package infile opens without waiting or reading for ever.
func TestFilesAreOpenedInOnePlace(t *testing.T) {
	guarded := []string{"Open", "OpenFile", "ReadFile"}
	found := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || file == "build") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		src, err := parser.ParseFile(files, file, nil, 0)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(file))
		ast.Inspect(src, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "os" && slices.Contains(guarded, s.Sel.Name) {
				found++
				if !slices.ContainsFunc(openers, func(p string) bool { return within(pkg, p) }) {
					t.Errorf("%v: os.%s, want a function of internal/infile, or of internal/newfile", files.Position(s.Pos()), s.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 3 {
		t.Errorf("only %d openings found", found)
	}
}
