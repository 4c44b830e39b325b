// Package metrics measures answers against what was expected, by the rules of
// the benchmarks that PaliGemma is reported on. Scores are fractions: 0 to 1,
// CIDEr-D 0 to 10.
//
// scripts/metrics/make.py computes the same with the benchmarks' own programs,
// or with scipy and scikit-learn; the tests compare.
package metrics
