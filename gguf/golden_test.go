package gguf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// A view is the description of a file by scripts/gguf/golden.py: everything the
// Python package sees in it.
type view struct {
	SHA256    string
	Version   int
	Alignment int64
	Keys      []struct {
		Name, Type string
		Values     []string
	}
	Tensors []struct {
		Name, Type   string
		Shape        []int
		Offset, Size int64
		SHA256       string
	}
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// spell writes the elements of a metadata value as the script does.
func spell(v any) []string {
	var out []string
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Slice {
		rv = reflect.Append(reflect.MakeSlice(reflect.SliceOf(rv.Type()), 0, 1), rv)
	}
	for i := range rv.Len() {
		switch e := rv.Index(i).Interface().(type) {
		case float32:
			out = append(out, fmt.Sprintf("%08x", math.Float32bits(e)))
		case float64:
			out = append(out, fmt.Sprintf("%016x", math.Float64bits(e)))
		default:
			out = append(out, fmt.Sprint(e))
		}
	}
	return out
}

// TestGolden reads files of the Python package, versions 2 and 3, and one of
// this package that the Python package has read.
func TestGolden(t *testing.T) {
	for _, name := range []string{"python_v2", "python_v3", "ours"} {
		t.Run(name, func(t *testing.T) {
			var want view
			readJSON(t, name+".json", &want)
			path := filepath.Join("testdata", name+".gguf")
			f, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			compareView(t, f, want)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := hash(raw); got != want.SHA256 {
				t.Errorf("file hash %s, Python read %s", got, want.SHA256)
			}
			unmapped, err := New(bytes.NewReader(raw), int64(len(raw)))
			if err != nil {
				t.Fatal(err)
			}
			compareView(t, unmapped, want)
		})
	}
}

func compareView(t *testing.T, f *File, want view) {
	t.Helper()
	if f.Version() != want.Version || f.Alignment() != want.Alignment {
		t.Errorf("version %d, alignment %d, want %d, %d", f.Version(), f.Alignment(), want.Version, want.Alignment)
	}
	keys, tensors := f.Keys(), f.Tensors()
	if len(keys) != len(want.Keys) || len(tensors) != len(want.Tensors) {
		t.Fatalf("%d keys and %d tensors, want %d and %d", len(keys), len(tensors), len(want.Keys), len(want.Tensors))
	}
	for i, w := range want.Keys {
		v, err := f.Value(w.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		// Compared as strings: a nil and an empty list are equal.
		got := fmt.Sprintf("%s %s %q", keys[i].Name, typeName(keys[i].Kind, keys[i].Array), spell(v))
		if want := fmt.Sprintf("%s %s %q", w.Name, w.Type, w.Values); got != want {
			t.Errorf("key %d:\n got %s\nwant %s", i, got, want)
		}
		if goType := fmt.Sprintf("%T", v); goType != w.Type {
			t.Errorf("key %s: value is a %s, want %s", w.Name, goType, w.Type)
		}
	}
	for i, w := range want.Tensors {
		data, err := f.Bytes(w.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		x := tensors[i]
		typ := strings.ToUpper(x.Type.String()) // Python's spelling
		got := fmt.Sprintln(x.Name, typ, x.Shape, x.Offset, x.Size, hash(data))
		if want := fmt.Sprintln(w.Name, strings.ToUpper(w.Type), w.Shape, w.Offset, w.Size, w.SHA256); got != want {
			t.Errorf("tensor %d:\n got %s\nwant %s", i, got, want)
		}
	}
}

// declareOurs declares the content of testdata/ours.gguf: every kind of value,
// every tensor type that Python sizes as ggml does, and the corner cases.
func declareOurs(w *Writer) {
	w.Add("general.architecture", "golden")
	w.Add("general.alignment", uint32(128))
	for i, v := range []any{
		uint8(255), int8(-128), uint16(65535), int16(-32768), uint32(math.MaxUint32), int32(math.MinInt32),
		uint64(math.MaxUint64), int64(math.MinInt64), float32(math.SmallestNonzeroFloat32), math.MaxFloat64, true, "▁naïve\n\x00🦙", "",
		[]uint8{0, 255}, []int8{-128, 127}, []uint16{1, 65535}, []int16{-1, 1}, []uint32{7}, []int32{-7},
		[]uint64{math.MaxUint64}, []int64{math.MinInt64, 0}, []float32{0.1, -0.5}, []float64{0.1}, []bool{true, false, true},
		[]string{"<pad>", "", "▁a"}, []string{}, []float32(nil),
	} {
		w.Add(fmt.Sprintf("value.%d", i), v)
	}
	for t := range Type(len(formats)) {
		if t.Valid() && t != Q8_1 {
			w.AddTensor("tensor."+t.String(), t, 2*t.BlockSize(), 3)
		}
	}
	w.AddTensor("scalar", F32)
	w.AddTensor("four", F16, 1, 2, 3, 5)
	w.AddTensor(strings.Repeat("x", MaxNameLen), I8, 1)
}

// pattern returns n bytes that depend on the tensor's name.
func pattern(name string, n int64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7) ^ name[i%len(name)]
	}
	return b
}

// TestWriteOurs checks that the writer still makes, byte for byte, the file
// that the Python package read. With GGUF_UPDATE=1 it rewrites the file; then
// scripts/gguf/golden.py must read it again.
func TestWriteOurs(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	declareOurs(w)
	if err := w.WriteHeader(); err != nil {
		t.Fatal(err)
	}
	for _, x := range w.tensors {
		if err := w.WriteTensor(x.Name, pattern(x.Name, x.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "ours.gguf")
	if update, _ := strconv.ParseBool(os.Getenv("GGUF_UPDATE")); update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("the writer's %d bytes differ from the %d of %s", out.Len(), len(want), path)
	}
}
