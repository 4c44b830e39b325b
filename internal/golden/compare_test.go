package golden

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// A recorder is a TB that keeps its messages.
type recorder struct{ logs, errors []string }

func (*recorder) Helper() {}
func (r *recorder) Logf(format string, args ...any) {
	r.logs = append(r.logs, fmt.Sprintf(format, args...))
}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func testSet() *Set {
	return &Set{
		floats: map[string]tensor[float32]{
			"pixels":        {[]int{1}, []float32{0}},
			"image1.pixels": {[]int{1}, []float32{0}},
			"v.embd":        {[]int{2, 2}, []float32{3, 0, 0, 4}}, // norm 5
			"blk.0.out":     {[]int{2, 1}, []float32{1, -1}},
			"zero":          {[]int{2}, []float32{0, 0}},
		},
		ints: map[string]tensor[int64]{"ids": {[]int{1}, []int64{2}}, "tokens": {[]int{3}, []int64{7, 8, 9}}},
	}
}

func TestDifferenceOfNaNIsNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, test := range []struct {
		got, want    []float32
		relative, mx float64
	}{
		{[]float32{3, 4}, []float32{3, 4}, 0, 0},
		{[]float32{3, 4.5}, []float32{3, 4}, 0.1, 0.5},
		{[]float32{0, 0}, []float32{3, 4}, 1, 4},
		{[]float32{0, 0}, []float32{0, 0}, 0, 0},
		{[]float32{0, 1}, []float32{0, 0}, math.Inf(1), 1},
		{[]float32{nan, 4}, []float32{3, 4}, math.NaN(), math.NaN()},
		{[]float32{3, float32(math.Inf(1))}, []float32{3, 4}, math.Inf(1), math.Inf(1)},
	} {
		relative, mx := difference(test.got, test.want)
		if !same(relative, test.relative) || !same(mx, test.mx) {
			t.Errorf("difference(%v, %v) = %v, %v, want %v, %v", test.got, test.want, relative, mx, test.relative, test.mx)
		}
	}
}

func same(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-12
}

func TestComparerPassesWithinTolerance(t *testing.T) {
	var r recorder
	c := NewComparer(&r, testSet(), 1e-4)
	ok := c.Check("v.embd", []int{2, 2}, []float32{3, 0, 0, 4.0004}) &&
		c.CheckMax("blk.0.out", []int{2}, []float32{1.0009, -1}, 1e-3) && // the axis of length 1 does not matter
		c.Check("zero", []int{2}, []float32{0, 0}) &&
		c.CheckInts("tokens", []int32{7, 8, 9})
	c.Done()
	last := NewComparer(&r, testSet(), 1e-4)
	ok = ok && last.CheckLast("v.embd", []int{2, 1}, []float32{0, 4.0002})
	if !ok || len(r.errors) > 0 {
		t.Errorf("Check %v, errors %q, want none", ok, r.errors)
	}
	for _, want := range []string{"tap ", "v.embd ", "8.0e-05", "4.0e-04", "ok"} {
		if !strings.Contains(r.logs[0], want) {
			t.Errorf("no %q in the table:%s", want, r.logs[0])
		}
	}
}

func TestComparerNamesTheFirstBadTap(t *testing.T) {
	nan := float32(math.NaN())
	for _, test := range []struct {
		name  string
		check func(*Comparer) bool
		want  string
	}{
		{"too far", func(c *Comparer) bool { return c.Check("v.embd", []int{2, 2}, []float32{3, 0, 0, 4.0006}) }, "v.embd: relative difference 1.20e-04, allowed 1e-04"},
		{"too far at one place", func(c *Comparer) bool { return c.CheckMax("v.embd", []int{2, 2}, []float32{3, 0, 0, 4.002}, 1e-3) }, "v.embd: largest difference 2.00e-03, allowed 1e-03"},
		{"NaN", func(c *Comparer) bool { return c.Check("v.embd", []int{2, 2}, []float32{3, 0, nan, 4}) }, "relative difference NaN"},
		{"NaN at one place", func(c *Comparer) bool { return c.CheckMax("v.embd", []int{2, 2}, []float32{3, 0, nan, 4}, 1) }, "largest difference NaN"},
		{"last too far", func(c *Comparer) bool { return c.CheckLast("v.embd", []int{2, 1}, []float32{0, 4.002}) }, "relative difference 5.00e-04"},
		{"last of all", func(c *Comparer) bool { return c.CheckLast("v.embd", []int{2, 2}, []float32{3, 0, 0, 4}) }, "shape [2 2], want [2]"},
		{"last unknown", func(c *Comparer) bool { return c.CheckLast("v.embed", []int{2}, []float32{0, 4}) }, "v.embed: no golden"},
		{"shape", func(c *Comparer) bool { return c.Check("v.embd", []int{4}, []float32{3, 0, 0, 4}) }, "shape [4], want [2 2]"},
		{"values", func(c *Comparer) bool { return c.Check("v.embd", []int{2, 2}, []float32{3, 0, 0}) }, "3 values"},
		{"unknown", func(c *Comparer) bool { return c.Check("v.embed", []int{2, 2}, []float32{3, 0, 0, 4}) }, "v.embed: no golden"},
		{"twice", func(c *Comparer) bool {
			c.Check("zero", []int{2}, []float32{0, 0})
			return c.Check("zero", []int{2}, []float32{0, 0})
		}, "zero: checked twice"},
		{"token", func(c *Comparer) bool { return c.CheckInts("tokens", []int32{7, 8, 10}) }, "value 2 is 10, want 9"},
		{"few tokens", func(c *Comparer) bool { return c.CheckInts("tokens", []int32{7, 8}) }, "2 values, want 3; the first 2 are equal"},
		{"no tokens", func(c *Comparer) bool { return c.CheckInts("token", nil) }, "token: no golden"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r recorder
			c := NewComparer(&r, testSet(), 1e-4)
			if test.check(c) {
				t.Error("the check passed")
			}
			c.Check("blk.0.out", []int{2, 1}, []float32{9, 9}) // bad as well, but not the first
			c.Done("*")
			if len(r.errors) != 1 || !strings.Contains(r.errors[0], "first bad tap: ") || !strings.Contains(r.errors[0], test.want) {
				t.Errorf("errors %q, want one with %q", r.errors, test.want)
			}
		})
	}
}

func TestUncheckedGoldensFail(t *testing.T) {
	check := func(patterns ...string) []string {
		var r recorder
		c := NewComparer(&r, testSet(), 1e-4)
		c.Check("v.embd", []int{2, 2}, []float32{3, 0, 0, 4})
		c.Done(patterns...)
		return r.errors
	}
	if got := check(); len(got) != 1 || got[0] != "goldens never checked: blk.0.out, tokens, zero" {
		t.Errorf("errors %q", got)
	}
	if got := check("blk.*", "tokens", "zero"); len(got) > 0 {
		t.Errorf("errors %q, want none", got)
	}
	if got := check("blk.*", "tokens", "zero", "v.*", "["); len(got) != 1 || !strings.Contains(got[0], `["v.*" "["]`) {
		t.Errorf("errors %q, want one that names v.* and [", got)
	}
}
