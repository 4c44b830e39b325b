package locseg

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const (
	Codes = 16 // seg of a mask, which is 4 x 4 of them

	corners  = 4
	locBytes = len("<loc0000>")
	segBytes = len("<seg000>")
)

// An Object is a box, what is in it, and perhaps its mask.
type Object struct {
	Label string      // "" if there is none
	Loc   [4]int      // y0, x0, y1, x1, each below Locs; y0 < y1, x0 < x1
	Codes *[Codes]int // of the mask, row by row, each below Segs; nil if there is none
	Span              // from the first loc to the end of the label
}

// Corners is the span of an object's four loc.
func (o Object) Corners() Span { return Span{o.First, o.First + corners*locBytes} }

// A Problem is a part of an answer that is no object.
type Problem struct {
	Reason string
	Span
}

// A Span is a range of bytes of the text, [First, Last).
type Span struct{ First, Last int }

// pattern matches an object, or what was meant to be one. A number that is out
// of range is no loc or seg.
var pattern = regexp.MustCompile(strings.NewReplacer(
	"LOC", `(?:<loc(?:0\d{3}|10[01]\d|102[0-3])>)`,
	"SEG", `(?:<seg(?:0\d{2}|1[01]\d|12[0-7])>)`,
).Replace(`(?:(LOC+)\s*(SEG*)|(SEG+))\s*([^;<>]*);?`))

// Parse finds the objects of an answer. What it makes of text depends on the
// text alone.
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

// fill reads runs of loc and seg, and says what is wrong with them, if anything.
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
	n, _ := strconv.Atoi(s[len("<loc") : len(s)-1]) // the pattern has checked it
	return n
}

// trim returns the span without the spaces at its ends.
func trim(text string, first, last int) Span {
	s := strings.TrimSpace(text[first:last])
	if s == "" {
		return Span{first, first}
	}
	first += strings.Index(text[first:last], s)
	return Span{first, first + len(s)}
}
