package locseg

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestParseEqualsReference compares with scripts/locseg/golden.py, which applies
// the published regular expression. For problems it has the text, but no reason.
func TestParseEqualsReference(t *testing.T) {
	data, err := os.ReadFile("../../testdata/locseg/parse.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Text    string
		Objects []struct {
			Label string
			Loc   [4]int
			Codes []int
		}
		Left string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	good, bad := 0, 0
	for _, c := range cases {
		objects, problems := Parse(c.Text)
		ok := len(objects) == len(c.Objects)
		for i := range min(len(objects), len(c.Objects)) {
			got, want := objects[i], c.Objects[i]
			var codes []int
			if got.Codes != nil {
				codes = got.Codes[:]
			}
			ok = ok && got.Label == want.Label && got.Loc == want.Loc && slices.Equal(codes, want.Codes)
		}
		left := ""
		for _, p := range problems {
			left += c.Text[p.First:p.Last]
		}
		left = strings.NewReplacer(" ", "", "\t", "", "\n", "", "\f", "", "\r", "", ";", "").Replace(left)
		if !ok || left != c.Left {
			t.Errorf("%q\nhas objects %+v and %+v, want %+v and %q", c.Text, objects, problems, c.Objects, c.Left)
		}
		good += len(objects)
		bad += len(problems)
	}
	if good < 200 || bad < 200 {
		t.Errorf("%d objects and %d problems in %d answers: too few to tell", good, bad, len(cases))
	}
}
