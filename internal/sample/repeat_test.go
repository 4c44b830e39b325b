package sample

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRepeatsOnlyEndless: runs of every period up to the limit stop once they fill
// the window, not a token before; a longer period, one other token in the window, and
// boxes that differ in one coordinate do not stop.
func TestRepeatsOnlyEndless(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for period := 1; period <= 2*RepeatPeriod; period++ {
		run := make([]int32, period)
		for i := range run {
			run[i] = int32(i) // all different: no shorter period
		}
		answer := []int32{-1, -2, -3}
		for len(answer) < RepeatTokens+2 {
			answer = append(answer, run[(len(answer)-3)%period])
		}
		if Repeats(answer) {
			t.Errorf("period %d stops after %d repeating tokens, want %d", period, len(answer)-3, RepeatTokens)
		}
		answer = append(answer, run[(len(answer)-3)%period])
		if got, want := Repeats(answer), period <= RepeatPeriod; got != want {
			t.Errorf("period %d: repeats is %v, want %v", period, got, want)
		}
		broken := slices.Clone(answer)
		broken[len(broken)-1-r.IntN(RepeatTokens)] = -9
		if Repeats(broken) {
			t.Errorf("period %d stops in spite of another token", period)
		}
	}
	var boxes []int32
	for i := range int32(40) {
		boxes = append(boxes, 100, 200+i, 300, 400, 5, 6) // y0 x0 y1 x1 label ;
	}
	if Repeats(boxes) {
		t.Error("boxes side by side stop an answer")
	}
	if Repeats(nil) || Repeats(make([]int32, RepeatTokens-1)) {
		t.Error("a short answer stops")
	}
}
