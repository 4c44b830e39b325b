// Package metrics scores answers by the rules of the benchmarks that PaliGemma is
// reported on. Scores are from 0 to 1, except CIDEr-D, which is from 0 to 10.
//
// The tests compare with the benchmarks' own programs, or with scipy and
// scikit-learn: scripts/metrics/golden.py runs them.
package metrics
