package export_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pgcli/paligemma/batch/export"
	"github.com/pgcli/paligemma/batch/record"
)

// killVariable names the output of an export that waits to be killed.
const killVariable = "EXPORT_TO_KILL"

// TestKilledExportsLeaveNothingForEver: the next export removes what one that was killed
// left, and nothing of one that lives.
func TestKilledExportsLeaveNothingForEver(t *testing.T) {
	if out := os.Getenv(killVariable); out != "" {
		name, path := filepath.Base(out), filepath.Join(filepath.Dir(out), "out")
		wait := func(yield func(*record.Record, error) bool) {
			read(testRecords(t))(func(r *record.Record, err error) bool { return yield(r, err) })
			os.WriteFile(out, nil, 0o600)
			time.Sleep(time.Hour)
		}
		_, err := export.Run(t.Context(), format(t, name), path, wait, &export.Options{Read: readPicture})
		t.Fatal("the export ends: ", err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"coco", "cvat", "csv", "label-studio", "html", "yolo"} {
		dir := t.TempDir()
		start := func() (kill func()) {
			ready := filepath.Join(dir, name)
			cmd := exec.Command(program, "-test.run", "^"+t.Name()+"$")
			cmd.Env = append(os.Environ(), killVariable+"="+ready)
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for range 600 {
				if os.Remove(ready) == nil {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			return func() { cmd.Process.Kill(); cmd.Wait() }
		}
		start()()
		left := names(t, dir)
		kill := start()
		living := names(t, dir)
		if len(left) == 0 || len(living) != len(left) {
			t.Errorf("%s: a killed export left %q, with a second one there are %q", name, left, living)
		}
		if _, err := export.Run(t.Context(), format(t, name), filepath.Join(dir, "out"), read(testRecords(t)), &export.Options{Read: readPicture}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if all := names(t, dir); len(all) != len(living)+1 {
			t.Errorf("%s: %q beside an export that lives, want its %q and the output", name, all, living)
		}
		kill()
		if f := format(t, name); f.Folder { // an output is never replaced
			if err := os.RemoveAll(filepath.Join(dir, "out")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := export.Run(t.Context(), format(t, name), filepath.Join(dir, "out"), read(testRecords(t)), &export.Options{Read: readPicture, Replace: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if all := names(t, dir); len(all) != 1 {
			t.Errorf("%s: %q are left, want the output alone", name, all)
		}
		if hidden, _ := filepath.Glob(filepath.Join(dir, "out", ".*")); len(hidden) > 0 {
			t.Errorf("%s: the output has %q", name, hidden)
		}
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
