//go:build !race

package testmodel

// Slowness is how much longer things may take.
const Slowness = 1
