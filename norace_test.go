//go:build !race

package paligemma

// slowness is how much longer things may take.
const slowness = 1
