package grammar

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pgcli/paligemma/internal/locseg"
)

// Boxes allows the answers that models were trained to give to a "detect"
// prompt: any number of objects, also none, joined by " ; ". An object is four
// loc tokens, its ymin, xmin, ymax and xmax with ymax > ymin and xmax > xmin,
// then a space and one of the labels. Labels are cut into tokens as in
// training. Without labels, objects have none. Start fails for a vocabulary without loc
// and seg tokens, and for a label that is empty, begins or ends with a space, is not UTF-8, or holds
// ; < >, a line end, or U+2581 (▁), which models write as a space.
//
// A grammar makes answers well-formed, not right: a model that would name
// something else is made to choose a label. MaxTokens or a full context can
// still end an answer within an object.
func Boxes(labels ...string) Grammar { return objects{labels, 0} }

// Masks allows the answers that models were trained to give to a "segment"
// prompt: as Boxes, with 16 seg tokens after the four loc tokens of each object. Start
// fails as for Boxes.
func Masks(labels ...string) Grammar { return objects{labels, locseg.Codes} }

type objects struct {
	labels []string
	codes  int // seg tokens of an object
}

// Start finds the tokens that objects are spelled with.
func (o objects) Start(v Vocabulary) (State, error) {
	ids, err := locseg.FindIDs(v.ID)
	if err != nil {
		return nil, fmt.Errorf("grammar of objects: %w", err)
	}
	var labels []sequence
	for _, label := range o.labels {
		if err := checkLabel(label); err != nil {
			return nil, fmt.Errorf("grammar of objects: %w", err)
		}
		labels = append(labels, spell(v, " "+label)...)
	}
	if len(o.labels) == 0 {
		labels = spell(v, "")
	}
	return objectState{spelling: &spelling{ids, o.codes, v.EOS(), newTrie(labels)}}, nil
}

// checkLabel refuses labels that an answer cannot hold.
func checkLabel(label string) error {
	switch {
	case strings.TrimSpace(label) != label || label == "":
		return fmt.Errorf("label %q is empty, or begins or ends with a space", label)
	case strings.ContainsAny(label, ";<>\n\r") || !utf8.ValidString(label):
		return fmt.Errorf("label %q: want UTF-8 without ; < > and line ends", label)
	}
	return checkSpaces("label", label)
}

// space is what models have for a space: an answer cannot hold both.
const space = '\u2581'

// checkSpaces refuses a text that the model would answer with other characters.
func checkSpaces(what, text string) error {
	if strings.ContainsRune(text, space) {
		return fmt.Errorf("%s %q holds %q (U+2581), which models read and write as a space; write a space", what, text, space)
	}
	return nil
}

// A spelling holds the tokens of objects. All states of an answer share it.
type spelling struct {
	ids    locseg.IDs
	codes  int
	eos    int32
	labels *node // texts that follow the last loc or seg token of an object
}

// spell returns the tokens of a label and of what may follow it. Loc and seg tokens keep
// the text around them from merging, so the text between two objects is cut by itself:
// " cat ; ", or " cat" at the end of the answer.
func spell(v Vocabulary, label string) []sequence {
	return []sequence{{v.Tokenize(label), endOfAnswer}, {v.Tokenize(label + " ; "), nextObject}}
}

// corners is the number of loc tokens of an object.
const corners = 4

// An objectState is a place within an object, or before the first.
type objectState struct {
	spelling *spelling
	n        int    // loc and seg tokens of the object so far
	min      [2]int // ymin and xmin
	label    *node  // place within the label; nil before the label
}

func (s objectState) Allowed() []Range {
	minimum := s.locs(0, locseg.Locs-1) // the largest leaves no room for a maximum
	switch {
	case s.label != nil:
		all := s.label.next()
		if s.label.ends&endOfAnswer != 0 {
			all = append(all, only(s.spelling.eos))
		}
		if s.label.ends&nextObject != 0 {
			all = append(all, minimum)
		}
		return sorted(all...)
	case s.n == 0: // before all objects: the first loc of the next one ends a label
		return sorted(minimum, only(s.spelling.eos))
	case s.n < 2:
		return sorted(minimum)
	case s.n < corners:
		return sorted(s.locs(s.min[s.n-2]+1, locseg.Locs))
	}
	seg := s.spelling.ids.Seg
	return sorted(Range{seg, seg + locseg.Segs})
}

// locs returns the ids of the coordinates from first up to, but without, last.
func (s objectState) locs(first, last int) Range {
	loc := s.spelling.ids.Loc
	return Range{loc + int32(first), loc + int32(last)}
}

func (s objectState) Next(id int32) State {
	loc, isLoc := s.spelling.ids.LocOf(id)
	switch {
	case s.label != nil && s.label.child(id) != nil:
		s.label = s.label.child(id)
	case s.label != nil && isLoc: // the next object
		return objectState{spelling: s.spelling}.Next(id)
	case isLoc && s.n < 2:
		s.min[s.n] = loc
		s.n++
	default:
		s.n++
	}
	if s.n == corners+s.spelling.codes && s.label == nil {
		s.label = s.spelling.labels
	}
	return s
}
