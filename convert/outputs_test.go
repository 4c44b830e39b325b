package convert_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
)

// names lists a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// during returns options that call do once, when a conversion is half done; verifying
// chooses the stage.
func during(o convert.Options, verifying bool, do func() error) convert.Options {
	called := false
	o.Progress = func(p convert.Progress) {
		if !called && p.Verifying == verifying && 2*p.Done > p.Total {
			called = true
			if err := do(); err != nil {
				panic(err)
			}
		}
	}
	return o
}

// TestAnOutputThatAppearedStays: without Force, a file that another program makes
// during the conversion is not replaced.
func TestAnOutputThatAppearedStays(t *testing.T) {
	src, dst := write(t, hf), filepath.Join(t.TempDir(), "out.gguf")
	_, err := convert.Run(t.Context(), src, dst, during(convert.Options{Type: "f16"}, false, func() error {
		return os.WriteFile(dst, []byte("other"), 0o600)
	}))
	if !errors.Is(err, convert.ErrExists) || !strings.Contains(err.Error(), dst) {
		t.Errorf("error is %v", err)
	}
	if data, _ := os.ReadFile(dst); string(data) != "other" {
		t.Errorf("the file holds %.20q", data)
	}
	if got := names(t, filepath.Dir(dst)); !slices.Equal(got, []string{"out.gguf"}) {
		t.Errorf("left: %q", got)
	}
}

// TestAPairIsReplacedWholeOrNotAtAll: when the projector cannot be written under its
// name, the old language model is back.
func TestAPairIsReplacedWholeOrNotAtAll(t *testing.T) {
	src, dst := write(t, hf), filepath.Join(t.TempDir(), "out.gguf")
	if err := os.WriteFile(dst, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := convert.Options{Type: "f16", Split: true, Force: true}
	_, err := convert.Run(t.Context(), src, dst, during(o, false, func() error { return os.MkdirAll(filepath.Join(mmproj(dst), "full"), 0o700) }))
	if err == nil {
		t.Error("no error")
	}
	if data, _ := os.ReadFile(dst); string(data) != "old" {
		t.Errorf("the old file holds %.20q", data)
	}
	if got := names(t, filepath.Dir(dst)); !slices.Equal(got, []string{"mmproj-out.gguf", "out.gguf"}) {
		t.Errorf("left: %q", got)
	}
}

// TestAFailedVerificationLeavesTheOldFile: a source that changes during a conversion
// is found, and its output never gets its name.
func TestAFailedVerificationLeavesTheOldFile(t *testing.T) {
	src, dst := write(t, hf), filepath.Join(t.TempDir(), "out.gguf")
	if err := os.WriteFile(dst, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(src, "model.safetensors")
	size := int64(len(read(t, weights)))
	o := convert.Options{Type: "f32", Force: true, Verify: true, Threads: 1}
	_, err := convert.Run(t.Context(), src, dst, during(o, false, func() error {
		f, err := os.OpenFile(weights, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		for at := size / 16; at < size-4; at += 1024 { // in what has been read, too
			if _, err := f.WriteAt([]byte{0, 0, 0, 0}, at&^3); err != nil {
				return err
			}
		}
		return nil
	}))
	if err == nil || !strings.Contains(err.Error(), "verify: ") {
		t.Errorf("error is %v", err)
	}
	if data, _ := os.ReadFile(dst); string(data) != "old" {
		t.Errorf("the old file holds %.20q", data)
	}
	if got := names(t, filepath.Dir(dst)); !slices.Equal(got, []string{"out.gguf"}) {
		t.Errorf("left: %q", got)
	}
}

// TestTheNextRunRemovesWhatAKilledOneLeft, and says so in a note.
func TestTheNextRunRemovesWhatAKilledOneLeft(t *testing.T) {
	src, dst := write(t, hf), filepath.Join(t.TempDir(), "out.gguf")
	abandoned := dst + ".ABCDEFGH.partial"
	if err := os.WriteFile(abandoned, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := convert.Run(t.Context(), src, dst, convert.Options{Type: "f16"})
	if err != nil {
		t.Fatal(err)
	}
	if want := abandoned + " was left by a run that was killed, and is removed"; !slices.Contains(r.Notes, want) {
		t.Errorf("notes %q lack %q", r.Notes, want)
	}
	if got := names(t, filepath.Dir(dst)); !slices.Equal(got, []string{"out.gguf"}) {
		t.Errorf("left: %q", got)
	}
}
