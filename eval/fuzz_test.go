package eval

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/allocation"
)

// FuzzDataSet opens arbitrary bytes as a data set: an error names the file, and an
// example that is accepted can be written and read again.
func FuzzDataSet(f *testing.F) {
	for _, text := range []string{
		`{"image": "a.png", "prompt": "ocr", "expected": ["x", "y"]}` + "\n\n" + `{"image": "b", "prompt": "", "expected": ""}`,
		`{"image": "a", "prompt": "detect cat ; dog", "expected": "` + loc + ` cat ; ` + loc + ` dog", "masks": ["1", "2"]}`,
		"\ufeff" + `{"image": "a", "prompt": "segment cat", "expected": "", "boxes": [[0, 0.5, 1, 1]], "labels": ["cat"], "task": "detect"}` + "\r\n",
		`{"image": "a", "prompt": "detect cat", "expected": "", "boxes": [], "labels": [], "masks": []}`, // nothing to find
		"\xff\xfe{\x00}\x00",
	} {
		f.Add([]byte(text), 2)
	}
	path := filepath.Join(f.TempDir(), "data.jsonl")
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var set *DataSet
		var err error
		allocation.Bound(t, len(data), func() { set, err = Open(t.Context(), path, limit) })
		if err != nil {
			if limit >= 0 && !strings.Contains(err.Error(), path) {
				t.Errorf("error %q does not name the file", err)
			}
			return
		}
		n := 0
		for e, err := range set.Examples(t.Context()) {
			if err != nil {
				t.Fatalf("an error that Open did not find: %v", err)
			}
			n++
			line, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			again, err := parseExample(line)
			if err != nil {
				t.Fatalf("%s, written again: %v", line, err)
			}
			again.Line = e.Line
			if !reflect.DeepEqual(again, e) {
				t.Errorf("%+v, written again, is %+v", e, again)
			}
		}
		if n != set.Len() {
			t.Errorf("%d examples, then %d", set.Len(), n)
		}
	})
}
