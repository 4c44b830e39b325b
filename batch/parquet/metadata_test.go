package parquet

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// metadata are the cases of scripts/parquet/imagefolder.py.
func metadata(t *testing.T) (cases map[string]struct {
	File  string
	Data  []byte
	Names []string // nil where datasets fails
}) {
	t.Helper()
	golden, err := os.ReadFile("../testdata/imagefolder.json")
	if err == nil {
		err = json.Unmarshal(golden, &cases)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// namesOf writes metadata to a new folder, and returns the names of its pictures relative to
// that.
func namesOf(t *testing.T, data []byte) (names []string, failed error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "metadata.parquet")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for item, err := range Metadata(path).Items(t.Context()) {
		if err != nil {
			return names, err
		}
		inside, err := filepath.Rel(filepath.Dir(path), item.Name)
		if err != nil || !filepath.IsLocal(inside) {
			t.Errorf("picture %q, want one in the folder", item.Name)
		}
		names = append(names, filepath.ToSlash(inside))
	}
	return names, nil
}

// TestMetadataIsThatOfDatasets: columns name the pictures that datasets finds, and those in
// which it finds none are errors.
func TestMetadataIsThatOfDatasets(t *testing.T) {
	compared := 0
	for name, c := range metadata(t) {
		if !IsMetadata(c.File) {
			continue
		}
		compared++
		got, err := namesOf(t, c.Data)
		if c.Names == nil && err == nil || c.Names != nil && (err != nil || !slices.Equal(got, c.Names)) {
			t.Errorf("%s: got %q, error %v, want %q", name, got, err, c.Names)
		}
	}
	if compared < 5 {
		t.Errorf("%d cases, want 5 or more", compared)
	}
}

// TestBrokenMetadataIsRefused: what is cut, has wrong bytes, or has pictures in place of names.
func TestBrokenMetadataIsRefused(t *testing.T) {
	pictures, err := os.ReadFile("testdata/datasets.parquet")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := namesOf(t, pictures); err == nil || !strings.Contains(err.Error(), `no column "file_name", want one of the pictures' names; it has "label", "image"`) {
		t.Errorf("a table of pictures: error %v", err)
	}
	whole := metadata(t)["columns with a dictionary"].Data
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 300 {
		data := slices.Clone(whole)
		if n < 20 {
			data = data[:len(data)*n/20]
		} else {
			data[random.IntN(len(data))] = byte(random.Uint32())
		}
		if _, err := namesOf(t, data); n < 20 && err == nil {
			t.Errorf("cut to %d bytes: no error", len(data))
		}
	}
}
