//go:build race

package paligemma

// slowness is how much longer things may take: the race detector's cost.
const slowness = 5
