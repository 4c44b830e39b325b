package metrics

import (
	"slices"
	"strings"
)

// Exact reports whether an answer is one of those expected, to the letter.
func Exact(answer string, expected []string) bool { return slices.Contains(expected, answer) }

// anlsThreshold is the least distance, as a share of the longer text, with which
// an answer counts as another one instead of as misspelt.
const anlsThreshold = 0.5

// ANLS returns an answer's normalized Levenshtein similarity to the nearest
// expected answer (Biten et al., Scene Text Visual Question Answering,
// arXiv:1905.13648): 1 - distance/length if that is more than a half, else 0. The
// length is the longer text's, in code points. Case does not count, and several
// spaces count as one.
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

// plain returns s in lower case and with single spaces.
func plain(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), " ") }

// levenshtein returns the least number of insertions, deletions and replacements
// that turn a into b.
func levenshtein(a, b []rune) int {
	row := make([]int, len(b)+1) // distances from a prefix of a to each prefix of b
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
