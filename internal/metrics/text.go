package metrics

import (
	"slices"
	"strings"
)

// Exact reports whether an answer is one of those expected, to the letter.
func Exact(answer string, expected []string) bool { return slices.Contains(expected, answer) }

// anlsThreshold is the distance, as a share of the longer text, from which on
// an answer counts as another one instead of as misspelt.
const anlsThreshold = 0.5

// ANLS is an answer's normalized Levenshtein similarity to the nearest of those
// expected (Biten et al., Scene Text Visual Question Answering,
// arXiv:1905.13648): 1 - distance/length if that is more than a half, else 0.
// Case and runs of spaces do not count; length is of the longer one, in code
// points.
func ANLS(answer string, expected []string) float64 {
	best := 0.0
	for _, e := range expected {
		a, b := []rune(plain(answer)), []rune(plain(e))
		d := 0.0
		if longest := max(len(a), len(b)); longest > 0 {
			d = float64(levenshtein(a, b)) / float64(longest)
		}
		if d < anlsThreshold {
			best = max(best, 1-d)
		}
	}
	return best
}

// plain is lower case with single spaces.
func plain(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), " ") }

// levenshtein counts the insertions, deletions and replacements between two texts.
func levenshtein(a, b []rune) int {
	row := make([]int, len(b)+1) // distances of a's start to each start of b
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			replaced := diagonal
			if x != y {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
