package convert

import (
	"os"
	"strings"
	"testing"
)

// TestIndexErrors gives an index that does not describe the files beside it, or
// points outside their folder.
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
		if _, err := openSource(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), c.want) {
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
