package gguf_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/testctx"
)

// splitUp writes a file in parts, as gguf-split does: metadata in the first alone.
func splitUp(t *testing.T, source, dir string, tensors ...int) []string {
	t.Helper()
	f, err := gguf.Open(t.Context(), source)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	defer f.Close()
	var parts []string
	all := f.Tensors()
	at := 0
	for i, n := range tensors {
		path := filepath.Join(dir, fmt.Sprintf("m-%05d-of-%05d.gguf", i+1, len(tensors)))
		w, err := gguf.Create(path)
		check(err)
		if i == 0 {
			for _, k := range f.Keys() {
				v, err := f.Value(k.Name)
				check(err)
				w.Add(k.Name, v)
			}
		}
		w.Add("split.no", uint16(i))
		w.Add("split.count", uint16(len(tensors)))
		w.Add("split.tensors.count", int32(len(all)))
		end := min(at+n, len(all))
		if i == len(tensors)-1 {
			end = len(all)
		}
		for _, x := range all[at:end] {
			w.AddTensor(x.Name, x.Type, x.Shape...)
		}
		check(w.WriteHeader())
		for _, x := range all[at:end] {
			data, err := f.Bytes(x.Name)
			check(err)
			check(w.WriteTensor(x.Name, data))
		}
		check(w.Commit())
		check(w.Close())
		at, parts = end, append(parts, path)
	}
	return parts
}

// TestJoinGivesTheFileBack: byte for byte, also with a first part without tensors.
func TestJoinGivesTheFileBack(t *testing.T) {
	source := filepath.Join("..", "models", "tiny.gguf")
	want, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, tensors := range [][]int{{1000}, {5, 7, 0}, {0, 20, 0}} {
		dir := t.TempDir()
		parts := splitUp(t, source, dir, tensors...)
		if got := gguf.Parts(parts[len(parts)-1]); !slices.Equal(got, parts) {
			t.Errorf("parts %q, want %q", got, parts)
		}
		if err := join(t, filepath.Join(dir, "joined"), parts...); err != nil {
			t.Errorf("%v: %v", tensors, err)
			continue
		}
		if got, err := os.ReadFile(filepath.Join(dir, "joined")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %d bytes, %v, want the %d of the whole file", tensors, len(got), err, len(want))
		}
	}
}

func join(t *testing.T, path string, parts ...string) error {
	t.Helper()
	w, err := gguf.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := gguf.Join(t.Context(), w, parts...); err != nil {
		return err
	}
	return w.Commit()
}

// TestJoiningEndsWithItsContext, whenever that ends: no part is taken for the whole.
func TestJoiningEndsWithItsContext(t *testing.T) {
	source, dir := filepath.Join("..", "models", "tiny.gguf"), t.TempDir()
	parts := splitUp(t, source, dir, 5, 7, 0)
	join := func(ctx context.Context) error {
		w, err := gguf.Create(filepath.Join(dir, "joined"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := gguf.Join(ctx, w, parts...); err != nil {
			if w.Commit() == nil {
				t.Errorf("a part is committed after %v", err)
			}
			return err
		}
		return nil
	}
	whole := testctx.New(t.Context(), math.MaxInt32)
	if err := join(whole); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	looks, least := math.MaxInt32-whole.Left(), int64(len(f.Tensors())+len(f.Keys()))
	if looks < least {
		t.Errorf("%d looks at the context, want at least %d, one for each value and tensor", looks, least)
	}
	for n := int64(0); n < looks; n += 1 + looks/50 {
		ctx := testctx.New(t.Context(), n)
		if err := join(ctx); !errors.Is(err, context.Canceled) || ctx.Late() > 1 {
			t.Errorf("a context that ends after %d of %d looks: error %v, %d looks later", n, looks, err, ctx.Late())
		}
	}
}

// TestJoinRefuses what are not the parts of one file, in their order.
func TestJoinRefuses(t *testing.T) {
	source, dir := filepath.Join("..", "models", "tiny.gguf"), t.TempDir()
	parts := splitUp(t, source, dir, 5, 7, 0)
	for want, wrong := range map[string][]string{
		"part 2 of 3, want part 1 of 3": {parts[1], parts[0], parts[2]},
		"part 1 of 3, want part 1 of 2": parts[:2],
		"split.no":                      {source},
		"no parts":                      nil,
		"absent":                        {parts[0], parts[1], filepath.Join(dir, "absent")},
	} {
		if err := join(t, filepath.Join(dir, "x"), wrong...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %q", wrong, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
		t.Error("a file is left")
	}
	for _, name := range []string{"m.gguf", "m-00000-of-00002.gguf", "m-00003-of-00002.gguf", "m-1-of-2.gguf"} {
		if p := gguf.Parts(name); p != nil {
			t.Errorf("%s: parts %q", name, p)
		}
	}
}

// TestOpenPart opens the whole file by the name of any part: everything is as in the file
// that was split.
func TestOpenPart(t *testing.T) {
	source, dir := filepath.Join("..", "models", "tiny.gguf"), t.TempDir()
	parts := splitUp(t, source, dir, 5, 0, 7, 0)
	want, err := gguf.Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	for _, part := range parts {
		f, err := gguf.Open(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		keys := func(f *gguf.File) (names []string) {
			for _, k := range f.Keys() {
				names = append(names, k.Name)
			}
			return names
		}
		if !slices.Equal(keys(f), keys(want)) || len(f.Tensors()) != len(want.Tensors()) {
			t.Errorf("keys %q, %d tensors, want %q, %d", keys(f), len(f.Tensors()), keys(want), len(want.Tensors()))
		}
		for _, x := range want.Tensors() {
			a, errA := f.Bytes(x.Name)
			b, errB := want.Bytes(x.Name)
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: %d bytes, %v, %v, want %d", x.Name, len(a), errA, errB, len(b))
			}
		}
		if err := f.Changed(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := f.Bytes(want.Tensors()[0].Name); err == nil {
			t.Error("a tensor is read after Close")
		}
	}
	f, err := gguf.Open(t.Context(), parts[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(parts[3], 100); err != nil {
		t.Fatal(err)
	}
	if err := f.Changed(); !errors.Is(err, gguf.ErrChanged) {
		t.Errorf("a part was shortened: %v", err)
	}
	if _, err := f.Bytes(want.Tensors()[len(want.Tensors())-1].Name); err == nil {
		t.Error("a tensor of a part that was shortened is read")
	}
	if err := os.Remove(parts[2]); err != nil {
		t.Fatal(err)
	}
	if _, err := gguf.Open(t.Context(), parts[0]); err == nil || !strings.Contains(err.Error(), "part 3 of 4 is missing") || !strings.Contains(err.Error(), parts[2]) {
		t.Errorf("without a part: %v", err)
	}
}
