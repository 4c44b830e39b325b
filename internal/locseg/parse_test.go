package locseg

import (
	"fmt"
	"reflect"
	"testing"
)

const (
	box   = "<loc0010><loc0020><loc0030><loc0040>"
	codes = "<seg000><seg001><seg002><seg003><seg004><seg005><seg006><seg007>" +
		"<seg120><seg121><seg122><seg123><seg124><seg125><seg126><seg127>"
)

var parses = []struct {
	name, text string
	objects    []string // label, loc, number of codes, and the text of the span
	problems   []string // reason: text
}{
	{"empty", "", nil, nil},
	{"caption", "a cat; <b>two</b> dogs", nil, nil},
	{"box", box + " cat", []string{"cat [10 20 30 40] 0: " + box + " cat"}, nil},
	{"no label", box, []string{" [10 20 30 40] 0: " + box}, nil},
	{"no space", box + "cat", []string{"cat [10 20 30 40] 0: " + box + "cat"}, nil},
	{"label of words", box + " big red  cat ", []string{"big red  cat [10 20 30 40] 0: " + box + " big red  cat"}, nil},
	{"mask", box + codes + " cat", []string{"cat [10 20 30 40] 16: " + box + codes + " cat"}, nil},
	{"mask without label", box + " " + codes, []string{" [10 20 30 40] 16: " + box + " " + codes}, nil},
	{"two", box + " cat ; " + box + codes + " dog", []string{"cat [10 20 30 40] 0: " + box + " cat", "dog [10 20 30 40] 16: " + box + codes + " dog"}, nil},
	{"two without separator", box + " cat " + box + " dog", []string{"cat [10 20 30 40] 0: " + box + " cat", "dog [10 20 30 40] 0: " + box + " dog"}, nil},
	{"separator at the end", box + " cat ; ", []string{"cat [10 20 30 40] 0: " + box + " cat"}, nil},
	{"bounds", "<loc0000><loc0000><loc1023><loc1023> x", []string{"x [0 0 1023 1023] 0: <loc0000><loc0000><loc1023><loc1023> x"}, nil},

	{"three", "<loc0010><loc0020><loc0030> cat ; " + box + " dog", []string{"dog [10 20 30 40] 0: " + box + " dog"},
		[]string{"3 loc, want 4: <loc0010><loc0020><loc0030> cat"}},
	{"five", box + "<loc0050> cat", nil, []string{"5 loc, want 4: " + box + "<loc0050> cat"}},
	{"eight", box + box, nil, []string{"8 loc, want 4: " + box + box}},
	{"15 codes", box + codes[8:] + " cat", nil, []string{"15 seg, want 16: " + box + codes[8:] + " cat"}},
	{"17 codes", box + codes + "<seg000> cat", nil, []string{"17 seg, want 16: " + box + codes + "<seg000> cat"}},
	{"codes alone", codes + " cat", nil, []string{"16 seg without a box: " + codes + " cat"}},
	{"codes after the label", box + " cat" + codes, []string{"cat [10 20 30 40] 0: " + box + " cat"}, []string{"16 seg without a box: " + codes}},
	{"reversed y", "<loc0030><loc0020><loc0010><loc0040> cat", nil, []string{"box from y 30 to 10, want less to more: <loc0030><loc0020><loc0010><loc0040> cat"}},
	{"empty x", "<loc0010><loc0020><loc0030><loc0020> cat", nil, []string{"box from x 20 to 20, want less to more: <loc0010><loc0020><loc0030><loc0020> cat"}},
	{"out of range", "<loc0010><loc0020><loc0030><loc1024> cat", nil,
		[]string{"3 loc, want 4: <loc0010><loc0020><loc0030>", "text outside of objects: <loc1024> cat"}},
	{"text before", "a cat " + box, []string{" [10 20 30 40] 0: " + box}, []string{"text outside of objects: a cat"}},
	{"text after", box + " cat ; dog", []string{"cat [10 20 30 40] 0: " + box + " cat"}, []string{"text outside of objects: dog"}},
	{"markup in the label", box + " a<b", []string{"a [10 20 30 40] 0: " + box + " a"}, []string{"text outside of objects: <b"}},
	{"cut off", box + " cat ; <loc0010><loc00", []string{"cat [10 20 30 40] 0: " + box + " cat"},
		[]string{"1 loc, want 4: <loc0010>", "text outside of objects: <loc00"}},
}

func TestParseAnswers(t *testing.T) {
	for _, c := range parses {
		t.Run(c.name, func(t *testing.T) {
			var objects, problems []string
			found, wrong := Parse(c.text)
			for _, o := range found {
				n := 0
				if o.Codes != nil {
					n = len(o.Codes)
				}
				objects = append(objects, fmt.Sprintf("%s %v %d: %s", o.Label, o.Loc, n, c.text[o.First:o.Last]))
			}
			for _, p := range wrong {
				problems = append(problems, fmt.Sprintf("%s: %s", p.Reason, c.text[p.First:p.Last]))
			}
			if !reflect.DeepEqual(objects, c.objects) || !reflect.DeepEqual(problems, c.problems) {
				t.Errorf("%q is objects %q and problems %q, want %q and %q", c.text, objects, problems, c.objects, c.problems)
			}
		})
	}
}
