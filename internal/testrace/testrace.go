// Package testrace is for tests: it says what the race detector costs.
package testrace

// Chosen says whether a test tries case i of many alike. The race detector looks
// for races, not for wrong numbers, so with it one of Slowness is tried.
func Chosen(i int) bool { return i%Slowness == 0 }

// Share is how many of n random trials a test makes.
func Share(n int) int { return (n + Slowness - 1) / Slowness }
