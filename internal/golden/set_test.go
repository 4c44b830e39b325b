package golden

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// file returns a safetensors file with a header and data bytes of data: 0, 1, 2 and so on.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for i := range data {
		b = append(b, byte(i))
	}
	return b
}

func TestParseReversesShapes(t *testing.T) {
	s, err := parse(file(`{"__metadata__":{"a":"b"},
		"x":{"dtype":"F32","shape":[2,1,3],"data_offsets":[0,24]},
		"ids":{"dtype":"I32","shape":[2],"data_offsets":[24,32]},
		"long":{"dtype":"I64","shape":[],"data_offsets":[32,40]}}`, 40))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Names(); !slices.Equal(got, []string{"ids", "long", "x"}) {
		t.Errorf("Names() = %v", got)
	}
	shape, data := s.Get("x")
	if !slices.Equal(shape, []int{3, 1, 2}) || len(data) != 6 {
		t.Errorf("x: shape %v, %d values, want [3 1 2] and 6", shape, len(data))
	}
	if want := float32(3.8204714e-37); data[0] != want { // 03 02 01 00
		t.Errorf("x[0] = %v, want %v", data[0], want)
	}
	if got := s.Ints("ids"); !slices.Equal(got, []int64{0x1b1a1918, 0x1f1e1d1c}) {
		t.Errorf("ids = %x", got)
	}
	if got := s.Ints("long"); !slices.Equal(got, []int64{0x2726252423222120}) {
		t.Errorf("long = %x", got)
	}
	if shape, data := s.Get("ids"); shape != nil || data != nil {
		t.Errorf("Get of integers = %v, %v, want nil", shape, data)
	}
	if got := s.Ints("none"); got != nil {
		t.Errorf("Ints of no tensor = %v, want nil", got)
	}
}

func TestParseRefusesBrokenFiles(t *testing.T) {
	x := func(dtype, shape, offsets string) string {
		return fmt.Sprintf(`{"x":{"dtype":%q,"shape":%s,"data_offsets":%s}}`, dtype, shape, offsets)
	}
	for _, test := range []struct {
		name string
		file []byte
		want string // in the error
	}{
		{"empty", nil, "0 bytes"},
		{"short", []byte{1, 0, 0}, "3 bytes"},
		{"header past the end", file(`{}`, 0)[:9], "header of 2 bytes, the file has 1 left"},
		{"huge header", slices.Repeat([]byte{0xff}, 16), "header of 18446744073709551615 bytes"},
		{"no JSON", file("hello", 0), "header"},
		{"no object", file("[]", 0), "header"},
		{"entry of another form", file(`{"x":3}`, 0), `"x"`},
		{"dtype", file(x("BF16", "[2]", "[0,4]"), 4), `dtype "BF16"`},
		{"shape too small", file(x("F32", "[1]", "[0,8]"), 8), "takes 4 bytes, there are 8"},
		{"shape too large", file(x("F32", "[3]", "[0,8]"), 8), "takes 12 bytes, there are 8"},
		{"zero size", file(x("F32", "[0]", "[0,0]"), 0), "shape [0]"},
		{"negative size", file(x("F32", "[-1,-1]", "[0,4]"), 4), "shape [-1 -1]"},
		{"overflow", file(x("F32", "[4294967296,4294967296]", "[0,4]"), 4), "shape"},
		{"overflow in steps", file(x("F32", "[60000000,60000000,60000000]", "[0,4]"), 4), "shape"},
		{"offsets reversed", file(x("F32", "[1]", "[4,0]"), 4), "bytes 4 to 0"},
		{"offset negative", file(x("F32", "[1]", "[-4,0]"), 4), "bytes -4 to 0"},
		{"offset past the end", file(x("F32", "[2]", "[0,8]"), 4), "bytes 0 to 8 of 4"},
		{"hole", file(x("F32", "[1]", "[4,8]"), 8), "want them to start at 0"},
		{"rest", file(x("F32", "[1]", "[0,4]"), 8), "end at byte 4 of 8"},
		{"name twice", file(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "want them to start at 0"},
		{"overlap", file(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `"y"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(test.file)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(file(`{"__metadata__":{},"i":{"dtype":"I64","shape":[1,1],"data_offsets":[0,8]}}`, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parse(b)
		if err != nil {
			return
		}
		for _, name := range s.Names() {
			shape, data := s.Get(name)
			n := 1
			for _, d := range shape {
				n *= d
			}
			if data != nil && n != len(data) {
				t.Fatalf("%q: shape %v with %d values", name, shape, len(data))
			}
		}
	})
}

func TestMissingFileIsErrNotExist(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want one that the file does not exist", err)
	}
}

// TestGoldensMatchTheirConfigs: every committed golden loads, and its shapes follow
// from its checkpoint's config.json.
func TestGoldensMatchTheirConfigs(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/oracle/*/golden*.safetensors")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, p := range paths {
		s, err := Load(p)
		if err != nil {
			t.Error(err)
			continue
		}
		var config struct {
			Text struct {
				Width  int `json:"hidden_size"`
				Layers int `json:"num_hidden_layers"`
			} `json:"text_config"`
			Vision struct {
				Width int `json:"hidden_size"`
				Image int `json:"image_size"`
			} `json:"vision_config"`
		}
		readJSON(t, filepath.Join(filepath.Dir(p), "config.json"), &config)
		n := len(s.Ints("ids"))
		for name, want := range map[string][]int{
			"pixels": {config.Vision.Image, config.Vision.Image, 3},
			"v.embd": {config.Vision.Width, 16},
			"mm.out": {config.Text.Width, 16},
			"prefix": {config.Text.Width, n},
			fmt.Sprintf("blk.%d.out", config.Text.Layers-1): {config.Text.Width, n},
		} {
			if shape, _ := s.Get(name); !slices.Equal(shape, want) {
				t.Errorf("%s: %s has shape %v, want %v", p, name, shape, want)
			}
		}
		if got := len(s.Ints("tokens")); got != 64 {
			t.Errorf("%s: %d tokens, want 64", p, got)
		}
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
