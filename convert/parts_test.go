package convert_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/gguf"
)

// partSize is a limit by which the tiny model's F16 file has several parts.
const partSize = 900_000

// openAlone opens a part by itself: gguf.Open opens all parts.
func openAlone(t *testing.T, path string) *gguf.File {
	t.Helper()
	data := read(t, path)
	f, err := gguf.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestPartsJoinToTheWholeFile: parts of a checkpoint's and of a GGUF file's conversion
// join to the bytes of the whole file. A part has no tensor more than the limit allows
// and as many as it allows.
func TestPartsJoinToTheWholeFile(t *testing.T) {
	src := write(t, hf)
	again := run(t, src, convert.Options{Type: "bf16", Name: "a name"})
	for _, o := range []convert.Options{{Type: "f16", Name: "a name"}, {Type: "f16", Name: "a name", Split: true}} {
		for _, source := range []string{src, again} {
			if o.Split && source == again {
				continue // the two-file form is made from the original alone
			}
			whole := run(t, source, o)
			o.SplitMaxSize, o.Verify = partSize, true
			dst := filepath.Join(t.TempDir(), "out.gguf")
			r, err := convert.Run(t.Context(), source, dst, o)
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			for _, out := range r.Outputs {
				parts = append(parts, out.Path)
			}
			if o.Split {
				if got, want := read(t, parts[len(parts)-1]), read(t, mmproj(whole)); parts[len(parts)-1] != mmproj(dst) || !bytes.Equal(got, want) {
					t.Errorf("the last output is %s, want the whole projector", parts[len(parts)-1])
				}
				parts = parts[:len(parts)-1]
			}
			if want := gguf.PartPaths(dst, len(parts)); len(parts) < 2 || !slices.Equal(parts, want) {
				t.Errorf("parts %q, want %q", parts, want)
			}
			checkParts(t, parts)
			if !bytes.Equal(joined(t, parts), read(t, whole)) {
				t.Errorf("%s: %d parts join to another file than the whole", source, len(parts))
			}
			o.SplitMaxSize = 0
		}
	}
}

// checkParts checks keys and sizes against the rules of llama.cpp's gguf-split.
func checkParts(t *testing.T, parts []string) {
	t.Helper()
	total := 0
	for i, path := range parts {
		f := openAlone(t, path)
		total += len(f.Tensors())
		var bytes int64
		for _, x := range f.Tensors() {
			bytes += padded(x.Size)
		}
		if bytes > partSize {
			t.Errorf("%s has %d bytes of tensors, more than %d", path, bytes, partSize)
		}
		if i < len(parts)-1 {
			if next := openAlone(t, parts[i+1]).Tensors()[0]; bytes+padded(next.Size) <= partSize {
				t.Errorf("%s has room for %s", path, next.Name)
			}
		}
		if n := len(f.Keys()); i > 0 && n != 3 {
			t.Errorf("%s has %d keys, want those of splitting alone", path, n)
		}
	}
	for i, path := range parts {
		f := openAlone(t, path)
		for key, want := range map[string]any{"split.no": uint16(i), "split.count": uint16(len(parts)), "split.tensors.count": int32(total)} {
			if got, err := f.Value(key); err != nil || got != want {
				t.Errorf("%s: %s is %v (%v), want %v", path, key, got, err, want)
			}
		}
	}
}

func padded(n int64) int64 { return (n + 31) &^ 31 }

func joined(t *testing.T, parts []string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "joined.gguf")
	w, err := gguf.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := errors.Join(gguf.Join(t.Context(), w, parts...), w.Commit()); err != nil {
		t.Fatal(err)
	}
	return read(t, path)
}

// TestAFileThatFitsIsNotSplit, and gets the name that was asked for.
func TestAFileThatFitsIsNotSplit(t *testing.T) {
	src := write(t, hf)
	o := convert.Options{Type: "f16", Name: "a name"}
	want := read(t, run(t, src, o))
	o.SplitMaxSize = 1 << 40
	if got := read(t, run(t, src, o)); !bytes.Equal(got, want) {
		t.Error("the file differs from one without a limit")
	}
}

// TestPartsRefuses limits that no parts can keep.
func TestPartsRefuses(t *testing.T) {
	src := write(t, hf)
	for limit, want := range map[int64]string{1000: "alone has", -1: "are -1, want"} {
		_, err := convert.MakePlan(t.Context(), src, "out.gguf", convert.Options{Type: "f16", SplitMaxSize: limit})
		if !errors.Is(err, convert.ErrOptions) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: error is %v, want %q", limit, err, want)
		}
	}
}

// TestPartsAreReplacedWholeOrNotAtAll: without Force an older part is kept, and when the
// last part cannot get its name, the older ones are back.
func TestPartsAreReplacedWholeOrNotAtAll(t *testing.T) {
	src, dst := write(t, hf), filepath.Join(t.TempDir(), "out.gguf")
	o := convert.Options{Type: "f16", SplitMaxSize: partSize}
	plan, err := convert.MakePlan(t.Context(), src, dst, o)
	if err != nil {
		t.Fatal(err)
	}
	first, last := plan.Outputs[0].Path, plan.Outputs[len(plan.Outputs)-1].Path
	if err := os.WriteFile(first, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.Run(t.Context(), src, dst, o); !errors.Is(err, convert.ErrExists) || !strings.Contains(err.Error(), first) {
		t.Errorf("error is %v, want that %s exists", err, first)
	}
	o.Force = true
	if _, err := convert.Run(t.Context(), src, dst, during(o, false, func() error { return os.MkdirAll(filepath.Join(last, "full"), 0o700) })); err == nil {
		t.Error("no error")
	}
	if data := read(t, first); string(data) != "old" {
		t.Errorf("the old file holds %.20q", data)
	}
	if got := names(t, filepath.Dir(dst)); !slices.Equal(got, []string{filepath.Base(first), filepath.Base(last)}) {
		t.Errorf("left: %q", got)
	}
}
