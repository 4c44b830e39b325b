package paligemma

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pgcli/paligemma/internal/locseg"
)

// Boxes allows what models were trained to answer to [Detect]: any number of
// objects, none included, joined by " ; ". An object is four loc tokens, its
// ymin, xmin, ymax and xmax with ymax > ymin and xmax > xmin, then a space and
// one of the labels. Labels are cut into tokens as in training. Without any,
// objects have none.
//
// That makes answers well-formed, not right: a model that would name something
// else is made to choose a label. MaxTokens or a full context can still end an
// answer within an object.
func Boxes(labels ...string) Grammar { return objectGrammar{labels, 0} }

// Masks allows what models were trained to answer to [Segment]: as Boxes, with
// 16 seg tokens after the four loc of each object.
func Masks(labels ...string) Grammar { return objectGrammar{labels, locseg.Codes} }

// Grammar returns the grammar of answers to what [Detect] and [Segment] spell,
// with the labels that the prompt names; nil for other prompts, whose answers
// may be any text.
func (p Prompt) Grammar() Grammar {
	task, things, _ := strings.Cut(string(p), " ")
	var labels []string
	for label := range strings.SplitSeq(things, ";") {
		labels = append(labels, strings.TrimSpace(label))
	}
	switch task {
	case "detect":
		return Boxes(labels...)
	case "segment":
		return Masks(labels...)
	}
	return nil
}

type objectGrammar struct {
	labels []string
	codes  int // seg tokens of an object
}

// Start finds the tokens that objects are spelled with.
func (o objectGrammar) Start(m *Model) (State, error) {
	ids, err := m.locseg()
	if err != nil {
		return nil, fmt.Errorf("grammar of objects: %w", err)
	}
	form := &objectForm{ids: ids, codes: o.codes, eos: m.EOS()}
	for _, label := range o.labels {
		if err := checkLabel(label); err != nil {
			return nil, fmt.Errorf("grammar of objects: %w", err)
		}
		form.add(m, " "+label)
	}
	if len(o.labels) == 0 {
		form.add(m, "")
	}
	return objectState{form: form}, nil
}

// checkLabel refuses what an answer cannot hold as a label.
func checkLabel(label string) error {
	switch {
	case strings.TrimSpace(label) != label || label == "":
		return fmt.Errorf("label %q is empty, or begins or ends with a space", label)
	case strings.ContainsAny(label, ";<>\n\r") || !utf8.ValidString(label):
		return fmt.Errorf("label %q: want UTF-8 without ; < > and line ends", label)
	}
	return nil
}

// An objectForm is what all states of an answer share.
type objectForm struct {
	ids    locseg.IDs
	codes  int
	eos    int32
	labels phrase // what follows the last loc or seg token of an object
}

// add allows a label. Loc and seg tokens keep text around them from merging, so
// the text between two objects is cut by itself: " cat ; ", or " cat" at the
// answer's end.
func (f *objectForm) add(m *Model, label string) {
	f.labels.add(m.Tokenize(label), endOfAnswer)
	f.labels.add(m.Tokenize(label+" ; "), nextObject)
}

// corners is the number of loc tokens of an object.
const corners = 4

// An objectState is a place within an object, or before the first.
type objectState struct {
	form   *objectForm
	n      int     // loc and seg tokens of the object so far
	min    [2]int  // ymin and xmin
	phrase *phrase // within the label; nil before
}

func (s objectState) Allowed() []Range {
	minimum := s.locs(0, locseg.Locs-1) // the largest leaves no room for a maximum
	switch {
	case s.phrase != nil:
		all := s.phrase.next()
		if s.phrase.ends&endOfAnswer != 0 {
			all = append(all, one(s.form.eos))
		}
		if s.phrase.ends&nextObject != 0 {
			all = append(all, minimum)
		}
		return ranges(all...)
	case s.n == 0: // before all objects: the first loc of others ends a label
		return ranges(minimum, one(s.form.eos))
	case s.n < 2:
		return ranges(minimum)
	case s.n < corners:
		return ranges(s.locs(s.min[s.n-2]+1, locseg.Locs))
	}
	return ranges(Range{s.form.ids.Seg, s.form.ids.Seg + locseg.Segs})
}

// locs are the ids of the coordinates from first up to, but without, last.
func (s objectState) locs(first, last int) Range {
	return Range{s.form.ids.Loc + int32(first), s.form.ids.Loc + int32(last)}
}

func (s objectState) Next(id int32) State {
	loc, isLoc := s.form.ids.LocOf(id)
	switch {
	case s.phrase != nil && s.phrase.after(id) != nil:
		s.phrase = s.phrase.after(id)
	case s.phrase != nil && isLoc: // the next object
		return objectState{form: s.form}.Next(id)
	case isLoc && s.n < 2:
		s.min[s.n] = loc
		s.n++
	default:
		s.n++
	}
	if s.n == corners+s.form.codes && s.phrase == nil {
		s.phrase = &s.form.labels
	}
	return s
}
