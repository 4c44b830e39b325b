package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestReadersAgreeWithPython reads files that the safetensors and numpy packages wrote.
func TestReadersAgreeWithPython(t *testing.T) {
	var want map[string]struct {
		Type, SHA256 string
		Shape        []int
	}
	if err := readJSON("testdata/reader.json", &want); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"testdata/reader.safetensors", "testdata/reader-stored.npz", "testdata/reader-deflated.npz"} {
		ck, err := openSource(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(ck.arrays()); n != len(want) {
			t.Errorf("%s: %d arrays, want %d", path, n, len(want))
		}
		for _, a := range ck.arrays() {
			r, err := ck.open(a.name)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			w := want[a.name]
			sum := sha256.Sum256(data)
			if a.typ.String() != w.Type || !slices.Equal(a.shape, w.Shape) || hex.EncodeToString(sum[:]) != w.SHA256 {
				t.Errorf("%s: %s has hash %x, want %s %v with %s", path, a, sum, w.Type, w.Shape, w.SHA256)
			}
		}
		if err := ck.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := openSource(t.Context(), "testdata/reader-fortran.npz", nil); err == nil || !strings.Contains(err.Error(), "Fortran order") {
		t.Errorf("an array in Fortran order gives %v", err)
	}
}
