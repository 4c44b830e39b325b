//go:build !race

package testrace

// Slowness is how much longer things may take.
const Slowness = 1
