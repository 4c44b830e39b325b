package convert

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/pgcli/paligemma/internal/faulty"
)

// TestFailingReads fails to read checkpoints at each of their bytes: opening or reading
// them returns the disk's error, or one about the end of the file, and never other values.
func TestFailingReads(t *testing.T) {
	for name, read := range map[string]func(r io.ReaderAt, size int64) (map[string][]byte, error){
		"reader.safetensors": func(r io.ReaderAt, size int64) (map[string][]byte, error) {
			arrays, err := readSafetensors(r, size, "f")
			all := map[string][]byte{}
			for _, a := range arrays {
				data, failed := io.ReadAll(io.NewSectionReader(r, a.start, a.end-a.start))
				if failed == nil && int64(len(data)) < a.end-a.start {
					failed = io.ErrUnexpectedEOF
				}
				all[a.name], err = data, errors.Join(err, failed)
			}
			return all, err
		},
		"reader-stored.npz": readArchive, "reader-deflated.npz": readArchive,
	} {
		whole, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := read(bytes.NewReader(whole), int64(len(whole)))
		if err != nil || len(want) == 0 {
			t.Fatalf("%s: %d arrays, error %v", name, len(want), err)
		}
		for at := 0; at < len(whole); at += 1 + len(whole)/400 {
			for _, disk := range []error{faulty.ErrRead, io.EOF} {
				f := &faulty.File{Content: whole, At: at, Err: disk}
				got, err := read(f, f.Size())
				if err == nil {
					t.Errorf("%s, byte %d, %v: no error", name, at, disk)
				} else if disk == faulty.ErrRead && !errors.Is(err, disk) {
					t.Errorf("%s, byte %d: error %v, want the disk's", name, at, err)
				}
				for key, data := range got {
					if !bytes.HasPrefix(want[key], data) {
						t.Errorf("%s, byte %d, %v: array %s has other values", name, at, disk, key)
					}
				}
			}
		}
	}
}

func readArchive(r io.ReaderAt, size int64) (map[string][]byte, error) {
	z, err := readNPZ(r, size, "f")
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, a := range z.arrays() {
		in, failed := z.open(a.name)
		if failed == nil {
			all[a.name], failed = io.ReadAll(in)
			in.Close()
		}
		err = errors.Join(err, failed)
	}
	return all, err
}
