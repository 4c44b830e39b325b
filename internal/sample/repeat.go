package sample

import "slices"

// An answer that repeats itself for RepeatTokens, with a period of at most
// RepeatPeriod, has run away. Both are far beyond rows of dots, tables of zeros,
// and equal cells in a text that goes on.
const (
	RepeatTokens = 96
	RepeatPeriod = 24
)

// Repeats reports whether the last RepeatTokens of an answer repeat one run of at
// most RepeatPeriod tokens, at least four times.
func Repeats(answer []int32) bool {
	if len(answer) < RepeatTokens {
		return false
	}
	tail := answer[len(answer)-RepeatTokens:]
	for period := 1; period <= RepeatPeriod; period++ {
		if slices.Equal(tail[period:], tail[:RepeatTokens-period]) {
			return true
		}
	}
	return false
}
