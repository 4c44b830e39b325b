package golden

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
)

// TB is the part of a *testing.T that a Comparer uses.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}

// A Comparer compares results with a Set, in the order in which they are
// computed, so that the first bad one shows where an error arises. It is not
// safe for concurrent use.
type Comparer struct {
	t         TB
	set       *Set
	tolerance float64
	rows      []row
	checked   map[string]bool
}

// A row is the verdict on one tap.
type row struct {
	name     string
	shape    []int
	relative float64 // norm of the difference over the norm of the golden
	max      float64 // largest difference
	fault    string  // empty if it passes
}

// NewComparer returns a Comparer for which results pass up to a relative
// difference: the norm of the difference over the norm of the golden.
func NewComparer(t TB, set *Set, tolerance float64) *Comparer {
	return &Comparer{t: t, set: set, tolerance: tolerance, checked: map[string]bool{}}
}

// Check compares a tap with the golden of its name and reports whether it
// passes. shape has the fastest axis first; axes of length 1 at its end do not
// matter. Done fails the test for a tap that does not pass.
func (c *Comparer) Check(name string, shape []int, got []float32) bool {
	return c.add(name, c.set.floats[name], shape, got, c.near)
}

// CheckLast is Check for a tap that is computed for the last token only: it
// compares with the last column of a golden [..., n].
func (c *Comparer) CheckLast(name string, shape []int, got []float32) bool {
	want := c.set.floats[name]
	if n := len(want.shape); n > 0 && want.shape[n-1] > 0 {
		column := len(want.data) / want.shape[n-1]
		want = tensor[float32]{want.shape[:n-1], want.data[len(want.data)-column:]}
	}
	return c.add(name, want, shape, got, c.near)
}

// near returns a fault if a row's relative difference is beyond the tolerance.
func (c *Comparer) near(r row) string {
	if !(r.relative <= c.tolerance) { // NaN fails
		return fmt.Sprintf("relative difference %.2e, allowed %.0e", r.relative, c.tolerance)
	}
	return ""
}

// CheckMax is Check with a limit on the largest absolute difference instead.
func (c *Comparer) CheckMax(name string, shape []int, got []float32, limit float64) bool {
	return c.add(name, c.set.floats[name], shape, got, func(r row) string {
		if !(r.max <= limit) {
			return fmt.Sprintf("largest difference %.2e, allowed %.0e", r.max, limit)
		}
		return ""
	})
}

// CheckInts compares integers, such as tokens, which must be equal.
func (c *Comparer) CheckInts(name string, got []int32) bool {
	want, ok := c.set.ints[name]
	r := row{name: name, shape: want.shape}
	switch same := equalUntil(got, want.data); {
	case c.checked[name]:
		r.fault = "checked twice"
	case !ok:
		r.fault = "no golden"
	case len(got) != len(want.data):
		r.fault = fmt.Sprintf("%d values, want %d; the first %d are equal", len(got), len(want.data), same)
	case same < len(got):
		r.fault = fmt.Sprintf("value %d is %d, want %d", same, got[same], want.data[same])
	}
	return c.append(r)
}

// equalUntil returns the number of equal values before the first difference.
func equalUntil(got []int32, want []int64) int {
	n := min(len(got), len(want))
	for i := range n {
		if int64(got[i]) != want[i] {
			return i
		}
	}
	return n
}

// add compares a tap with want; judge returns the fault of a row, "" if it passes.
func (c *Comparer) add(name string, want tensor[float32], shape []int, got []float32, judge func(row) string) bool {
	_, ok := c.set.floats[name]
	r := row{name: name, shape: shape, relative: math.NaN(), max: math.NaN()}
	switch {
	case c.checked[name]:
		r.fault = "checked twice"
	case !ok:
		r.fault = "no golden"
	case !slices.Equal(trim(shape), trim(want.shape)):
		r.fault = fmt.Sprintf("shape %v, want %v", shape, want.shape)
	case len(got) != len(want.data):
		r.fault = fmt.Sprintf("%d values for shape %v", len(got), shape)
	default:
		r.relative, r.max = difference(got, want.data)
		r.fault = judge(r)
	}
	return c.append(r)
}

// append records a row and reports whether it passes.
func (c *Comparer) append(r row) bool {
	c.checked[r.name] = true
	c.rows = append(c.rows, r)
	return r.fault == ""
}

// trim drops trailing axes of length 1, as ggml does.
func trim(shape []int) []int {
	for len(shape) > 0 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	return shape
}

// difference returns norm(got-want)/norm(want) and the largest |got-want|. A
// NaN in got makes both NaN.
func difference(got, want []float32) (relative, largest float64) {
	var diff, norm float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		diff += d * d
		norm += float64(want[i]) * float64(want[i])
		largest = max(largest, math.Abs(d)) // max of NaN is NaN
	}
	if diff == 0 {
		return 0, largest // also where both are zero
	}
	return math.Sqrt(diff / norm), largest
}

// Done prints the table and fails the test for the first bad tap, and for
// goldens that were never checked. Inputs (pixels, ids) need no check, nor do
// names that match a pattern of [path.Match]; a pattern that matches no unchecked
// golden fails the test too.
func (c *Comparer) Done(unchecked ...string) {
	c.t.Helper()
	c.t.Logf("%s", c.table())
	for _, r := range c.rows {
		if r.fault != "" {
			c.t.Errorf("first bad tap: %s: %s", r.name, r.fault)
			break
		}
	}
	missed, idle := c.missed(unchecked)
	if len(missed) > 0 {
		c.t.Errorf("goldens never checked: %s", strings.Join(missed, ", "))
	}
	if len(idle) > 0 {
		c.t.Errorf("patterns that match no unchecked golden: %q", idle)
	}
}

// missed returns the goldens that were neither checked nor excused by a pattern,
// and the patterns that excuse no golden.
func (c *Comparer) missed(patterns []string) (names, idle []string) {
	used := make([]bool, len(patterns))
	for _, name := range c.set.Names() {
		if c.checked[name] || isInput(name) {
			continue
		}
		excused := false
		for i, pattern := range patterns {
			if ok, _ := path.Match(pattern, name); ok { // a malformed pattern stays idle
				used[i], excused = true, true
			}
		}
		if !excused {
			names = append(names, name)
		}
	}
	for i, pattern := range patterns {
		if !used[i] {
			idle = append(idle, pattern)
		}
	}
	return names, idle
}

// isInput reports whether a tensor is an input of the reference.
func isInput(name string) bool {
	return name == "ids" || name == "pixels" || strings.HasSuffix(name, ".pixels")
}

// table returns the rows as text.
func (c *Comparer) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\ntap\tshape\trelative\tmax abs\tverdict")
	for _, r := range c.rows {
		verdict := r.fault
		if verdict == "" {
			verdict = "ok"
		}
		fmt.Fprintf(w, "%s\t%v\t%.1e\t%.1e\t%s\n", r.name, r.shape, r.relative, r.max, verdict)
	}
	w.Flush() // a Builder does not fail
	return b.String()
}
