package bindings

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testengine"
)

var doors = []Door{BuiltIn, SharedLibrary}

// openDoor opens ggml through one door, or skips the test and says how to open
// it.
func openDoor(t testing.TB, door Door) *Lib {
	t.Helper()
	if door == SharedLibrary {
		lib, err := openShared(testengine.Shared(t))
		if err != nil {
			t.Fatal(err)
		}
		return lib
	}
	lib, err := openBuiltIn()
	if errors.Is(err, ErrNoBuiltIn) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// eachDoor runs f once for each door.
func eachDoor(t *testing.T, f func(t *testing.T, lib *Lib)) {
	t.Helper()
	for _, door := range doors {
		t.Run(string(door), func(t *testing.T) { f(t, openDoor(t, door)) })
	}
}

// anyDoor opens whichever door there is, the built-in one first.
func anyDoor(t testing.TB) *Lib {
	t.Helper()
	if lib, err := openBuiltIn(); err == nil {
		return lib
	}
	return openDoor(t, SharedLibrary)
}

// cpu returns the library's processor.
func cpu(t testing.TB, lib *Lib) Device {
	t.Helper()
	d, err := lib.CPU()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// inOwnProcess reports whether this process runs this test only. If it does not,
// inOwnProcess starts such a process and passes its outcome on.
func inOwnProcess(t *testing.T) bool {
	t.Helper()
	const variable = "PALIGEMMA_TEST_ALONE"
	if os.Getenv(variable) == t.Name() {
		return true
	}
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return false
}

// must stops the test at an error that it does not expect.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants checks that err has the part.
func wants(t *testing.T, what string, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("%s: error %v, want %q in it", what, err, part)
	}
}
