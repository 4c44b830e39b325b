package convert

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
)

// npy makes an .npy file of a header's dictionary and of zeros.
func npy(dictionary string, data int) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(dictionary)))
	return append(append(b, dictionary...), make([]byte, data)...)
}

// TestNPYErrors gives headers that numpy does not write, or not for arrays that can
// be read.
func TestNPYErrors(t *testing.T) {
	const valid = `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "byte 0"},
		{"magic", strings.Repeat("x", 20), "not an npy array"},
		{"version", "\x93NUMPY\x09\x00\x00\x00", "npy version 9"},
		{"length", "\x93NUMPY\x02\x00\xff\xff\xff\xff", "npy header of 4294967295 bytes"},
		{"truncated", string(npy(valid, 0)[:30]), "unexpected EOF"},
		{"big endian", string(npy(strings.Replace(valid, "<f4", ">f4", 1), 0)), "descr is '>f4'"},
		{"objects", string(npy(strings.Replace(valid, "<f4", "|O", 1), 0)), "descr is '|O'"},
		{"fortran", string(npy(strings.Replace(valid, "False", "True", 1), 0)), "Fortran order"},
		{"no shape", string(npy(`{'descr': '<f4', 'fortran_order': False}`, 0)), "is missing"},
		{"unknown key", string(npy(`{'dtype': '<f4'}`, 0)), "unknown key 'dtype'"},
		{"twice", string(npy(`{'descr': '<f4', 'descr': '<f4'}`, 0)), "appears twice"},
		{"shape overflow", string(npy(strings.Replace(valid, "(2, 3)", "(99999999999999999999,)", 1), 0)), "value out of range"},
		{"negative", string(npy(strings.Replace(valid, "(2, 3)", "(-2,)", 1), 0)), "shape"},
		{"text after", string(npy(valid+"x", 0)), "follows the dictionary"},
		{"no end", string(npy(`{'descr': '<f4`, 0)), "string has no end"},
	} {
		_, _, _, err := readNPYHeader(strings.NewReader(c.file))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", c.name, err, c.want)
		}
	}
	for text, want := range map[string][]int{"()": {}, "(5,)": {5}, "(1, 2, 3)": {1, 2, 3}} {
		_, shape, _, err := readNPYHeader(bytes.NewReader(npy(strings.Replace(valid, "(2, 3)", text, 1), 0)))
		if err != nil || !slices.Equal(shape, want) {
			t.Errorf("shape %s is read as %v, %v", text, shape, err)
		}
	}
}

// archive makes an npz of members; a name maps to its content.
func archive(t testing.TB, names []string, contents ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, name := range names {
		member, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := member.Write(contents[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestNPZErrors guards against members whose sizes contradict their headers, and
// against damaged bytes.
func TestNPZErrors(t *testing.T) {
	array := npy(`{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, 24)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"no zip", []byte("PK\x03\x04 and nothing"), "zip"},
		{"other file", archive(t, []string{"README"}, nil), `member "README": not an .npy array`},
		{"twice", archive(t, []string{"a.npy", "a.npy"}, array, array), "appears twice"},
		{"short", archive(t, []string{"a.npy"}, array[:len(array)-1]), "has 23 bytes of data, f32 [2 3] takes 24"},
		{"long", archive(t, []string{"a.npy"}, append(array, 0)), "has 25 bytes of data"},
	} {
		_, err := readNPZ(bytes.NewReader(c.file), int64(len(c.file)), "x.npz")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.npz: ") {
			t.Errorf("%s: error is %v, want the file's name and %q", c.name, err, c.want)
		}
	}
	// A flipped bit in the data is found by the CRC at the end of the member.
	file := archive(t, []string{"a.npy"}, slices.Concat(array[:len(array)-24], bytes.Repeat([]byte{1, 2, 3, 250, 7, 9}, 4)))
	z, err := readNPZ(bytes.NewReader(file), int64(len(file)), "x.npz")
	if err != nil {
		t.Fatal(err)
	}
	z.members["a"].CRC32 ^= 1
	r, err := z.open("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != zip.ErrChecksum {
		t.Errorf("a wrong CRC gives %v", err)
	}
}

func FuzzNPZ(f *testing.F) {
	for _, name := range []string{"testdata/reader-stored.npz", "testdata/reader-deflated.npz", "testdata/reader-fortran.npz"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(archive(f, []string{"params/a.npy"}, npy(`{'descr': '|V2', 'fortran_order': False, 'shape': (2,), }`, 4)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var z *npz
		var err error
		allocation.Bound(t, len(data), func() { z, err = readNPZ(bytes.NewReader(data), int64(len(data)), "x") })
		if err != nil {
			return
		}
		for _, a := range z.arrays() {
			want, err := byteSize(a.typ, a.shape)
			if err != nil {
				t.Fatal(err)
			}
			r, err := z.open(a.name)
			if err != nil {
				continue
			}
			n, err := io.Copy(io.Discard, r)
			if err == nil && n != want {
				t.Errorf("%s has %d bytes, want %d", a, n, want)
			}
			r.Close()
		}
	})
}
