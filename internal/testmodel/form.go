package testmodel

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/locseg"
)

// Ranges makes ranges of ids of first, last, first, last…
func Ranges(bounds ...int32) (all []grammar.Range) {
	for b := range slices.Chunk(bounds, 2) {
		all = append(all, grammar.Range{First: b[0], Last: b[1]})
	}
	return all
}

// A Form is a kind of answer with objects, checked by text, without the states
// of a grammar.
type Form struct {
	Labels []string
	Masks  bool
}

// Forms have labels of several shapes: whole pieces, spelled in bytes, one a
// part of another, alike at first, with digits, spaces and other scripts.
var Forms = []Form{
	{[]string{"cat"}, false},
	{[]string{"cat"}, true},
	{[]string{"a", "ab", "abc", "a b", "b"}, false},
	{[]string{"red circle", "red square", "circle", "red"}, true},
	{[]string{"dog", "dog"}, false},
	{[]string{"2 cats", "200 cats, or more", "Zebra-crossing"}, false},
	{[]string{"a  b", "été", "猫", "🐈 \t x", "eos", "loc0001"}, true},
	{nil, false},
	{nil, true},
}

// Grammar returns the grammar that allows such answers.
func (f Form) Grammar() grammar.Grammar {
	if f.Masks {
		return grammar.Masks(f.Labels...)
	}
	return grammar.Boxes(f.Labels...)
}

// objectPattern is the reference's parser (paligemma_parse.py), made strict.
var objectPattern = regexp.MustCompile(`^<loc(\d{4})><loc(\d{4})><loc(\d{4})><loc(\d{4})>((?:<seg\d{3}>){16})?(?: ([^;<>]+))?$`)

// Check says what is wrong with an answer.
func (f Form) Check(text string) error {
	if text == "" {
		return nil
	}
	for object := range strings.SplitSeq(text, " ; ") {
		m := objectPattern.FindStringSubmatch(object)
		switch {
		case m == nil:
			return fmt.Errorf("%q is no object", object)
		case m[3] <= m[1] || m[4] <= m[2]: // of one length, so they order as numbers
			return fmt.Errorf("%q has an empty box", object)
		case (m[5] != "") != f.Masks:
			return fmt.Errorf("%q has a mask: %t, want %t", object, m[5] != "", f.Masks)
		case m[6] == "" && len(f.Labels) > 0 || m[6] != "" && !slices.Contains(f.Labels, m[6]):
			return fmt.Errorf("%q has label %q, want one of %q", object, m[6], f.Labels)
		}
	}
	if objects, problems := locseg.Parse(text); len(problems) > 0 || len(objects) != 1+strings.Count(text, " ; ") {
		return fmt.Errorf("locseg finds %d objects and %v in %q", len(objects), problems, text)
	}
	return nil
}

// Spell writes an answer of n random objects.
func (f Form) Spell(r *rand.Rand, n int) string {
	var objects []string
	for range n {
		y, x := r.IntN(1023), r.IntN(1023)
		s := fmt.Sprintf("<loc%04d><loc%04d><loc%04d><loc%04d>", y, x, y+1+r.IntN(1023-y), x+1+r.IntN(1023-x))
		for range 16 {
			if f.Masks {
				s += fmt.Sprintf("<seg%03d>", r.IntN(128))
			}
		}
		if len(f.Labels) > 0 {
			s += " " + f.Labels[r.IntN(len(f.Labels))]
		}
		objects = append(objects, s)
	}
	return strings.Join(objects, " ; ")
}
