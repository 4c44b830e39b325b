//go:build race

package testrace

// Slowness is how much longer things may take: the race detector's cost.
const Slowness = 5
