//go:build cgo

package kernels

import "testing"

// TestLimits measures a little at each level: a limit of bfloat16 is there where the
// level multiplies such numbers.
func TestLimits(t *testing.T) {
	ps := pools(t)
	eachProductLevel(t, func(t *testing.T, level Level) {
		for _, p := range ps {
			l, err := p.limits(level, 1<<20, 1<<12, 1)
			if err != nil {
				t.Fatal(err)
			}
			if l.Int8 <= 0 || l.Float <= 0 || l.Read <= 0 || (l.BFloat > 0) != level.BFloats() {
				t.Errorf("limits %+v at level %v, want positive ones, of bfloat16 %t", l, level, level.BFloats())
			}
		}
	})
}
