// Package testmodel is for tests: checkpoints of the oracle, the engine to run
// them with, a GGUF file taken apart to be changed, and the towers alone.
//
// scripts/oracle/golden.py wrote the checkpoints, which are tiny and have random
// weights, and what Hugging Face's implementation computes with them.
package testmodel

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/golden"
	"github.com/pgcli/paligemma/internal/testengine"
)

// Path returns the path of a file of the module, wherever the test runs.
func Path(elements ...string) string { return testengine.Path(elements...) }

// Engine returns "" for the built-in ggml if the test has one, else the shared
// one.
func Engine(t testing.TB) string {
	t.Helper()
	if HasBuiltIn() {
		return ""
	}
	return testengine.Shared(t)
}

// HasBuiltIn reports whether the test has ggml built in.
func HasBuiltIn() bool {
	lib, err := bindings.Open("")
	return err == nil && lib.Door() == bindings.BuiltIn
}

// Oracle returns the path of a file beside a checkpoint of the oracle, such as
// "pg1-a"; without elements that of its folder.
func Oracle(name string, elements ...string) string {
	return Path(append([]string{"testdata", "oracle", name}, elements...)...)
}

// Golden loads what the reference computed with a checkpoint.
func Golden(t testing.TB, name, file string) *golden.Set {
	t.Helper()
	set, err := golden.Load(Oracle(name, file))
	must(t, err)
	return set
}

// Convert converts a checkpoint of the oracle and returns the file's path.
func Convert(t testing.TB, name string, o convert.Options) string {
	t.Helper()
	if o.Engine == "" {
		o.Engine = Engine(t)
	}
	dst := filepath.Join(t.TempDir(), name+".gguf")
	_, err := convert.Run(context.Background(), Oracle(name), dst, o)
	must(t, err)
	return dst
}

// Read returns a file's bytes.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// must stops the test at an error that it does not expect.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
