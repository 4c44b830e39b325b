package locseg

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

const (
	Codes = 16 // seg tokens of a mask, a grid of 4 x 4

	corners  = 4
	locBytes = len("<loc0000>")
	segBytes = len("<seg000>")
)

// An Object is a box, the label of the thing in it, and its mask if it has one.
type Object struct {
	Label string      // may be empty
	Loc   [4]int      // y0, x0, y1, x1, each below Locs; y0 < y1, x0 < x1
	Codes *[Codes]int // of the mask, row by row, each below Segs; nil without a mask
	Span              // from the first loc to the end of the label
}

// Corners returns the span of an object's four loc.
func (o Object) Corners() Span { return Span{o.First, o.First + corners*locBytes} }

// A Problem is a part of an answer that is not an object.
type Problem struct {
	Reason string // why it is not one, such as "3 loc, want 4"
	Span
}

// A Span is a range of bytes of the text, [First, Last).
type Span struct{ First, Last int }

// pattern matches an object, and anything else that begins with loc or seg. Its
// groups are the loc, the seg after them, the seg without loc, and the label. A
// number out of range makes a text other than loc or seg.
var pattern = regexp.MustCompile(strings.NewReplacer(
	"LOC", `(?:<loc(?:0\d{3}|10[01]\d|102[0-3])>)`,
	"SEG", `(?:<seg(?:0\d{2}|1[01]\d|12[0-7])>)`,
).Replace(`(?:(LOC+)\s*(SEG*)|(SEG+))\s*([^;<>]*);?`))

// Parse returns the objects of an answer and the parts that are not objects, both
// in the order of the text.
func Parse(text string) (objects []Object, problems []Problem) {
	stray := func(first, last int) {
		if s := trim(text, first, last); s.First < s.Last {
			problems = append(problems, Problem{"text outside of objects", s})
		}
	}
	end := 0
	for _, m := range pattern.FindAllStringSubmatchIndex(text, -1) {
		stray(end, m[0])
		end = m[1]
		group := func(i int) string { return text[max(m[2*i], 0):max(m[2*i+1], 0)] }
		o := Object{Label: strings.TrimSpace(group(4))}
		o.Span = trim(text, m[0], m[9]) // group 4 ends there
		if reason := o.fill(group(1), group(2)+group(3)); reason != "" {
			problems = append(problems, Problem{reason, o.Span})
			continue
		}
		objects = append(objects, o)
	}
	if end > 0 {
		stray(end, len(text))
	}
	return objects, problems
}

// fill sets o's box and codes from its loc and seg. The reason says why they make
// no object; it is empty if they do.
func (o *Object) fill(locs, segs string) (reason string) {
	nLoc, nSeg := len(locs)/locBytes, len(segs)/segBytes
	switch {
	case nLoc == 0:
		return fmt.Sprintf("%d seg without a box", nSeg)
	case nLoc != corners:
		return fmt.Sprintf("%d loc, want %d", nLoc, corners)
	case nSeg != 0 && nSeg != Codes:
		return fmt.Sprintf("%d seg, want %d", nSeg, Codes)
	}
	for i := range o.Loc {
		o.Loc[i] = number(locs[i*locBytes:][:locBytes])
	}
	for i, axis := range []string{"y", "x"} {
		if a, b := o.Loc[i], o.Loc[i+2]; a >= b {
			return fmt.Sprintf("box from %s %d to %d, want less to more", axis, a, b)
		}
	}
	if nSeg > 0 {
		o.Codes = new([Codes]int)
		for i := range o.Codes {
			o.Codes[i] = number(segs[i*segBytes:][:segBytes])
		}
	}
	return ""
}

// number reads the digits of a loc or seg.
func number(s string) int {
	n, _ := strconv.Atoi(s[len("<loc") : len(s)-1]) // pattern matches digits only
	return n
}

// trim returns the span without the spaces at its ends.
func trim(text string, first, last int) Span {
	part := strings.TrimRightFunc(text[first:last], unicode.IsSpace)
	if part == "" {
		return Span{first, first}
	}
	return Span{last - len(strings.TrimLeftFunc(text[first:last], unicode.IsSpace)), first + len(part)}
}
