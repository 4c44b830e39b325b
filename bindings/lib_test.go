package bindings

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/legible"
	"github.com/pgcli/paligemma/internal/testengine"
)

// refused opens path and returns the error, which must have every part.
func refused(t *testing.T, path string, parts ...string) error {
	t.Helper()
	lib, err := Open(path)
	if err == nil {
		t.Fatalf("%s opened as %s %s", path, lib.Door(), lib.Path())
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	return err
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o755))
	return path
}

func TestOpenWrongFiles(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.so")
	if err := refused(t, absent, absent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v is not os.ErrNotExist", err)
	}
	empty := t.TempDir()
	refused(t, empty, "no ggml library in folder", empty)
	library := map[string]string{"windows": "ggml.dll", "darwin": "libggml.dylib"}[runtime.GOOS]
	if library == "" {
		library = "libggml.so"
	}
	text := write(t, library, []byte("not a library\n"))
	refused(t, text, text)
	refused(t, filepath.Dir(text), text) // found in its folder, and refused

	names := []string{"[a-z]", "*?"} // names that are patterns
	if runtime.GOOS == "windows" {
		names = names[:1] // it forbids the other
	}
	for _, name := range names {
		odd := filepath.Join(t.TempDir(), name)
		must(t, os.Mkdir(odd, 0o755))
		refused(t, odd, "no ggml library in folder", odd)
		must(t, os.Rename(text, filepath.Join(odd, library)))
		refused(t, odd, filepath.Join(odd, library))
		must(t, os.Rename(filepath.Join(odd, library), text))
	}
	refused(t, write(t, "empty.so", nil), "empty.so")
	if runtime.GOOS == "linux" {
		refused(t, text, "not a shared library")
	}
}

// build compiles a shared library with the given functions, which return 0.
func build(t *testing.T, names []string) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc to build a library with: apt-get install gcc")
	}
	var src strings.Builder
	for _, name := range names {
		fmt.Fprintf(&src, "long %s(void) { return 0; }\n", name)
	}
	c := write(t, "lib.c", []byte(src.String()))
	out := filepath.Join(filepath.Dir(c), "libggml.so")
	if msg, err := exec.Command(gcc, "-shared", "-fPIC", "-fno-builtin", "-o", out, c).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v: %s", err, msg)
	}
	return out
}

func TestOpenIncompleteLibrary(t *testing.T) {
	var all []string
	for _, s := range new(functions).symbols() {
		all = append(all, s.name)
	}
	three := []string{"ggml_mul_mat", "ggml_backend_sched_new", "ggml_log_set"}
	allBut := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(three, s) })
	for _, c := range []struct{ has, lacks []string }{
		{[]string{"ggml_init"}, slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "ggml_init" })},
		{allBut, three},
	} {
		path := build(t, c.has)
		err := refused(t, path, path, fmt.Sprintf("lacks %d of %d", len(c.lacks), len(all)), c.lacks[0])
		if n := strings.Count(err.Error(), "ggml_"); n > legible.Most {
			t.Errorf("the error names %d functions", n)
		}
		var missing *MissingSymbolsError
		if !errors.As(err, &missing) {
			t.Fatalf("error %v is no MissingSymbolsError", err)
		}
		slices.Sort(missing.Names)
		if want := slices.Sorted(slices.Values(c.lacks)); !slices.Equal(missing.Names, want) {
			t.Errorf("missing %q, want %q", missing.Names, want)
		}
		if runtime.GOOS == "linux" {
			maps, err := os.ReadFile("/proc/self/maps")
			must(t, err)
			if bytes.Contains(maps, []byte(path)) {
				t.Errorf("%s is still loaded after it was refused", path)
			}
		}
	}
}

// TestOpenImpostor has every function, but is not a ggml.
func TestOpenImpostor(t *testing.T) {
	var all []string
	for _, s := range new(functions).symbols() {
		all = append(all, s.name)
	}
	refused(t, build(t, all), "blocks of 0 in 0 bytes", "not a compatible ggml")
}

// TestOpenAfterFailures opens a good library after everything above failed,
// and finds it again afterwards.
func TestOpenAfterFailures(t *testing.T) {
	path := testengine.Shared(t)
	before := len(loaded.libs)
	refused(t, write(t, "libggml.so", []byte("not a library")))
	refused(t, build(t, []string{"ggml_init"}))
	if n := len(loaded.libs); n != before {
		t.Errorf("%d libraries are registered after two failures, before %d", n, before)
	}
	lib, err := Open(path)
	must(t, err)
	again, err := Open(path)
	must(t, err)
	if lib != again {
		t.Error("the same library was opened twice")
	}
	byFile, err := Open(lib.Path())
	must(t, err)
	if lib != byFile {
		t.Error("the library opened by file is another than that by folder")
	}
	if lib.Door() != SharedLibrary || lib.Version() == "" || len(lib.Devices()) == 0 {
		t.Errorf("door %q, version %q, %d devices", lib.Door(), lib.Version(), len(lib.Devices()))
	}
}

// TestOpenCoreWithoutPlugins has a core whose processors are missing: an
// error, until they come. It loads a copy of the engine, which would share
// libggml-base, and with it ggml's log, with the engine of other tests.
func TestOpenCoreWithoutPlugins(t *testing.T) {
	engine := testengine.Shared(t)
	if !inOwnProcess(t) {
		return
	}
	plugins, _ := filepath.Glob(filepath.Join(engine, "libggml-cpu-*.so"))
	if len(plugins) == 0 {
		t.Skip("the engine has no plug-ins")
	}
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(engine, "libggml*.so"))
	must(t, err)
	copyFiles := func(cpu bool) {
		for _, f := range files {
			if strings.Contains(f, "libggml-cpu-") == cpu {
				data, err := os.ReadFile(f)
				must(t, err)
				must(t, os.WriteFile(filepath.Join(dir, filepath.Base(f)), data, 0o755))
			}
		}
	}
	copyFiles(false)
	refused(t, dir, "no plug-in in", dir)
	copyFiles(true)
	lib, err := Open(dir)
	must(t, err)
	cpu(t, lib)
}

func TestOpenFromEnvironment(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	t.Setenv(environment, missing)
	refused(t, "", missing)
	engine := testengine.Shared(t)
	t.Setenv(environment, engine)
	lib, err := Open("")
	must(t, err)
	if lib.Door() != SharedLibrary {
		t.Errorf("%s=%s opened the %s ggml", environment, engine, lib.Door())
	}
}

// TestOpenDefault takes the built-in ggml, or says where it looked.
func TestOpenDefault(t *testing.T) {
	t.Setenv(environment, "")
	lib, err := Open("")
	if _, none := openBuiltIn(); none != nil {
		if err == nil {
			t.Skipf("no built-in ggml, and the system has %s", lib.Path())
		}
		for _, part := range append(coreNames(), environment, "CGO_ENABLED=0") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error %q lacks %q", err, part)
			}
		}
		return
	}
	must(t, err)
	if lib.Door() != BuiltIn || lib.Path() != "" || !strings.Contains(lib.Version(), "ollama") {
		t.Errorf("door %q, path %q, version %q", lib.Door(), lib.Path(), lib.Version())
	}
}

func TestLoadWrongPlugins(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		for _, path := range []string{
			filepath.Join(t.TempDir(), "absent.so"),
			t.TempDir(),
			write(t, "libggml-cpu-x64.so", []byte("not a library")),
			filepath.Dir(write(t, "libggml-cpu-x64.so", []byte("not a library"))),
			build(t, []string{"ggml_backend_nothing"}),
		} {
			if added, err := lib.LoadPlugins(path); err == nil {
				t.Errorf("%s is a plug-in with %d devices", path, len(added))
			} else if !strings.Contains(err.Error(), path) {
				t.Errorf("error %q does not name %s", err, path)
			}
		}
	})
}
