package eval

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const loc = "<loc0010><loc0020><loc0030><loc0040>"

// TestBadLineIsNamed: the error has the line's number and its mistake.
func TestBadLineIsNamed(t *testing.T) {
	good := `{"image": "a.png", "prompt": "ocr", "expected": "x"}`
	detect := func(rest string) string {
		return `{"image": "a", "prompt": "detect cat", "expected": "` + loc + ` cat"` + rest + `}`
	}
	for _, c := range []struct{ line, want string }{
		{`nonsense`, "not JSON: byte 2: invalid character"},
		{`[1]`, "the content is [1], want an object"},
		{`{"image": "a.png"`, "not JSON: byte 17: unexpected end of JSON input"},
		{`{"prompt": "ocr", "expected": "x"}`, "image is missing, want the path of a picture"},
		{`{"image": "a", "expected": "x"}`, "prompt is missing, want a text"},
		{`{"image": "a", "prompt": "ocr"}`, "expected is missing, want an answer or a list of them"},
		{`{"image": "a", "prompt": "ocr", "expected": null}`, "expected is missing"},
		{`{"image": "a", "prompt": "ocr", "expected": []}`, "expected is missing"},
		{`{"image": "a", "prompt": "ocr", "expected": 5}`, "expected is 5, want a string or a list of strings"},
		{`{"image": 5, "prompt": "ocr", "expected": "x"}`, "image is 5, want a text"},
		{`{"image": "a", "prompt": "ocr", "expected": "x", "task": "read"}`, `task is "read", want one of ["caption" "answer" "ocr" "detect" "segment"]`},
		{`{"image": "a", "prompt": "ocr", "expected": "x", "labels": ["x"]}`, "task ocr has boxes, labels or masks"},
		{`{"image": "a", "prompt": "detect cat", "expected": "a cat"}`, `expected answer is "a cat", want objects`},
		{`{"image": "a", "prompt": "detect cat", "expected": "<loc0010> cat"}`, `expected answer has no object at "<loc0010> cat": 1 loc, want 4`},
		{detect(`, "boxes": [[0, 0, 1, 1]]`), "0 labels for 1 boxes"},
		{detect(`, "labels": ["cat"]`), "1 labels for 0 boxes"},
		{detect(`, "boxes": [[0, 0, 1]], "labels": ["cat"]`), "box 1 is [0 0 1 0], want ymin, xmin, ymax, xmax from 0 to 1"},
		{detect(`, "boxes": [[0, 0, 1, 1.5]], "labels": ["cat"]`), "box 1 is [0 0 1 1.5]"},
		{detect(`, "boxes": [["x", 0, 1, 1]], "labels": ["cat"]`), `boxes has a text in [["x", 0, 1, 1]], want a number`},
		{detect(`, "masks": ["a", "b"]`), "2 masks for 1 objects"},
		{`{"image": "a", "prompt": "<bos>ocr", "expected": "x"}`, `paligemma: prompt "<bos>ocr" has <bos>`},
		{`{"image": "a", "prompt": "<image><image>ocr", "expected": "x"}`, "prompt has <image> 2 times, want it once"},
		{`{"image": "` + strings.Repeat("x", maxLine) + `"}`, "longer than 1048576 bytes"},
	} {
		path := folder(t, good, "", c.line, good)
		_, err := Open(t.Context(), path, 0)
		if want := path + ":3: " + c.want; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: error %v, want %q", c.line, err, want)
		}
		if _, err := Open(t.Context(), path, 1); err != nil {
			t.Errorf("%.80s: a bad line beyond the limit: %v", c.line, err)
		}
	}
}

func TestOpenRefusesEmptyAndMissing(t *testing.T) {
	empty := folder(t)
	for _, c := range []struct {
		path  string
		limit int
		want  string
	}{
		{empty, 0, "data.jsonl has no examples"},
		{filepath.Join(filepath.Dir(empty), "none.jsonl"), 0, "none.jsonl: "},
		{filepath.Dir(empty), 0, "is a folder, want a regular file"},
		{empty, -1, "limit is -1, want 0 or more"},
	} {
		if _, err := Open(t.Context(), c.path, c.limit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.path, err, c.want)
		}
	}
}

// TestDocumentedFieldsAreRead reads lines as the documentation shows them.
func TestDocumentedFieldsAreRead(t *testing.T) {
	path := folder(t,
		`{"image": "1.png", "prompt": "caption en", "expected": "a cat", "id": 7}`,
		``,
		`{"image": "1.png", "prompt": "", "expected": ["1", "one"]}`,
		`{"image": "1.png", "prompt": "detect cat", "expected": ""}`,
		`{"image": "1.png", "prompt": "cat", "expected": "", "task": "segment", "boxes": [[0.1, 0.2, 0.3, 0.4]], "labels": ["cat"], "masks": ["m.png"]}`)
	set, err := Open(t.Context(), path, 0)
	must(t, err)
	want := []Example{
		{Line: 1, Image: "1.png", Prompt: "caption en", Expected: Texts{"a cat"}, Task: Caption},
		{Line: 3, Image: "1.png", Expected: Texts{"1", "one"}, Task: Answer},
		{Line: 4, Image: "1.png", Prompt: "detect cat", Expected: Texts{""}, Task: Detect},
		{Line: 5, Image: "1.png", Prompt: "cat", Expected: Texts{""}, Task: Segment,
			Boxes: [][4]float64{{0.1, 0.2, 0.3, 0.4}}, Labels: []string{"cat"}, Masks: []string{"m.png"}},
	}
	if set.Len() != len(want) {
		t.Errorf("%d examples, want %d", set.Len(), len(want))
	}
	i := 0
	for e, err := range set.Examples(t.Context()) {
		must(t, err)
		if !reflect.DeepEqual(*e, want[i]) {
			t.Errorf("example %d is %+v, want %+v", i, *e, want[i])
		}
		back, err := json.Marshal(e.Expected)
		must(t, err)
		var again Texts
		if must(t, json.Unmarshal(back, &again)); !reflect.DeepEqual(again, want[i].Expected) {
			t.Errorf("%s is %q again", back, again)
		}
		i++
	}
	must(t, os.Remove(path))
	for _, err := range set.Examples(t.Context()) {
		if err == nil {
			t.Error("a data set that is gone has examples")
		}
	}
}

func TestPromptWithoutTaskIsAnswered(t *testing.T) {
	for prompt, want := range map[string]Task{
		"caption en": Caption, "cap de": Caption, "describe en": Caption, "ocr": OCR, "answer en ocr?": Answer,
		"what is this?": Answer, "": Answer, "detect cat ; dog": Detect, "segment cat": Segment, "segments": Answer,
	} {
		if got := guess(prompt); got != want {
			t.Errorf("%q is %s, want %s", prompt, got, want)
		}
	}
}

// TestDataSetEncodings: a byte order mark is no part of a line, UTF-16 is decoded, and
// other encodings are refused by name.
func TestDataSetEncodings(t *testing.T) {
	line := `{"image": "a.png", "prompt": "<image>detect star", "expected": "<loc0001><loc0002><loc0003><loc0004> star"}`
	path := filepath.Join(t.TempDir(), "data.jsonl")
	var wide []byte
	for _, b := range []byte("\n" + line) {
		wide = append(wide, b, 0)
	}
	for _, file := range []string{"\xef\xbb\xbf" + line, "\xff\xfe" + string(wide)} {
		must(t, os.WriteFile(path, []byte(file), 0o600))
		set, err := Open(t.Context(), path, 0)
		must(t, err)
		for e, err := range set.Examples(t.Context()) {
			must(t, err)
			if e.Task != Detect || e.Image != "a.png" {
				t.Errorf("%.20q: example %+v", file, e)
			}
		}
	}
	must(t, os.WriteFile(path, []byte(line+"\n"+`{"image": "caf`+"\xe9"+`.png"}`), 0o600))
	if _, err := Open(t.Context(), path, 0); err == nil || !strings.Contains(err.Error(), "data.jsonl: line 2: not UTF-8") {
		t.Errorf("Latin-1: error %v, want one with the line", err)
	}
}
