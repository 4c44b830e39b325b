package convert

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestReaders reads files that the safetensors and numpy packages wrote.
func TestReaders(t *testing.T) {
	var want map[string]struct {
		Type, SHA256 string
		Shape        []int
	}
	if err := readJSON("testdata/reader.json", &want); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"testdata/reader.safetensors", "testdata/reader-stored.npz", "testdata/reader-deflated.npz"} {
		ck, err := openCheckpoint(path)
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
	if _, err := openCheckpoint("testdata/reader-fortran.npz"); err == nil || !strings.Contains(err.Error(), "Fortran order") {
		t.Errorf("an array in Fortran order gives %v", err)
	}
}

// safetensors makes a file of a header and data.
func safetensors(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestSafetensorsErrors(t *testing.T) {
	entry := func(name, dtype string, shape string, begin, end int) string {
		return fmt.Sprintf(`"%s":{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, name, dtype, shape, begin, end)
	}
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "byte 0: the length of the header"},
		{"length beyond the file", binary.LittleEndian.AppendUint64(nil, 1<<20), "header of 1048576 bytes, the file has 8"},
		{"huge length", binary.LittleEndian.AppendUint64(nil, 1<<63), "header of 9223372036854775808 bytes"},
		{"no object", safetensors(`[]`, 0), "not a JSON object"},
		{"bad JSON", safetensors(`{"a":`, 0), "unexpected EOF"},
		{"text after", safetensors(`{} {}`, 0), "2 bytes follow"},
		{"twice", safetensors(`{`+entry("a", "F32", "[1]", 0, 4)+`,`+entry("a", "F32", "[1]", 4, 8)+`}`, 8), `"a": tensor: appears twice`},
		{"dtype", safetensors(`{`+entry("a", "F8_E4M3", "[4]", 0, 4)+`}`, 4), `dtype is "F8_E4M3"`},
		{"shape and offsets", safetensors(`{`+entry("a", "F32", "[2]", 0, 4)+`}`, 4), "span 4 bytes, F32 [2] takes 8"},
		{"negative shape", safetensors(`{`+entry("a", "F32", "[-1]", 0, 4)+`}`, 4), "negative dimension"},
		{"overflow", safetensors(`{`+entry("a", "F32", "[4294967296,4294967296,4294967296]", 0, 0)+`}`, 0), "overflows"},
		{"falling offsets", safetensors(`{`+entry("a", "F32", "[1]", 4, 0)+`}`, 4), "do not rise"},
		{"three offsets", safetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 8), "3 numbers, want 2"},
		{"hole", safetensors(`{`+entry("a", "F32", "[1]", 4, 8)+`}`, 8), "starts at byte"},
		{"overlap", safetensors(`{`+entry("a", "F32", "[2]", 0, 8)+`,`+entry("b", "F32", "[2]", 4, 12)+`}`, 12), "the one before it ends at"},
		{"truncated", safetensors(`{`+entry("a", "F32", "[2]", 0, 8)+`}`, 7), "truncated"},
		{"longer", safetensors(`{`+entry("a", "F32", "[2]", 0, 8)+`}`, 9), "describes"},
	} {
		_, err := readSafetensors(bytes.NewReader(c.file), int64(len(c.file)), "x.safetensors")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.safetensors: ") {
			t.Errorf("%s: error is %v, want the file's name and %q", c.name, err, c.want)
		}
	}
}

// npy makes an array of a header's dictionary and data.
func npy(dictionary string, data int) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(dictionary)))
	return append(append(b, dictionary...), make([]byte, data)...)
}

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

func TestIndexErrors(t *testing.T) {
	shard := safetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4)
	for _, c := range []struct {
		name, index, want string
		files             map[string][]byte
	}{
		{"empty map", `{"weight_map":{}}`, "weight_map is missing or empty", nil},
		{"path", `{"weight_map":{"a":"../a.safetensors"}}`, "want the name of a file beside the index", nil},
		{"missing shard", `{"weight_map":{"a":"1.safetensors"}}`, "1.safetensors", nil},
		{"tensor not there", `{"weight_map":{"a":"1.safetensors","b":"1.safetensors"}}`, `tensor "b" should be in 1.safetensors`, map[string][]byte{"1.safetensors": shard}},
		{"unknown tensor", `{"weight_map":{"b":"1.safetensors"}}`, `tensor "a" is here, but`, map[string][]byte{"1.safetensors": shard}},
		{"truncated shard", `{"weight_map":{"a":"1.safetensors"}}`, "truncated", map[string][]byte{"1.safetensors": shard[:len(shard)-1]}},
		{"not JSON", `{`, "unexpected end of JSON", nil},
	} {
		dir := t.TempDir()
		c.files = maybe(c.files)
		c.files[indexName] = []byte(c.index)
		for name, data := range c.files {
			if err := os.WriteFile(dir+"/"+name, data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := openCheckpoint(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", c.name, err, c.want)
		}
	}
}

func maybe(m map[string][]byte) map[string][]byte {
	if m == nil {
		return map[string][]byte{}
	}
	return m
}

func FuzzSafetensors(f *testing.F) {
	golden, err := os.ReadFile("testdata/reader.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add(safetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(safetensors(`{"__metadata__":{"x":"y"}}`, 0))
	f.Add(safetensors(`{"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}`, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		arrays, err := readSafetensors(bytes.NewReader(data), int64(len(data)), "x")
		if err != nil {
			return
		}
		total := int64(8) + int64(binary.LittleEndian.Uint64(data))
		for _, a := range arrays {
			n, err := byteSize(a.typ, a.shape)
			if err != nil || a.end-a.start != n {
				t.Errorf("%s takes %d bytes, has %d, %v", a, n, a.end-a.start, err)
			}
			total += n
		}
		if total != int64(len(data)) {
			t.Errorf("arrays and header make %d bytes of %d", total, len(data))
		}
	})
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
		z, err := readNPZ(bytes.NewReader(data), int64(len(data)), "x")
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

// TestConfigJSON reads the forms that values have had over time.
func TestConfigJSON(t *testing.T) {
	var c textConfig
	text := `{"rope_parameters":{"rope_theta":5000,"rope_type":"default"},"final_logit_softcapping":null,"attn_logit_softcapping":20.5}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if c.Rope.Theta.or(0) != 5000 || capping(c.FinalSoftcap, 30) != 0 || capping(c.AttnSoftcap, 50) != 20.5 || capping(option[float64]{}, 30) != 30 {
		t.Errorf("read as %+v", c)
	}
}
