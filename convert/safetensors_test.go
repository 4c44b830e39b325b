package convert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
)

// safetensors makes a file of a header and data.
func safetensors(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// TestSafetensorsErrors guards against a header that is believed: every length,
// shape and offset is compared with the file.
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
		{"bad JSON", safetensors(`{"a":`, 0), "not JSON: ends early"},
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
		var arrays []safetensorsArray
		var err error
		allocation.Bound(t, len(data), func() { arrays, err = readSafetensors(bytes.NewReader(data), int64(len(data)), "x") })
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
