//go:build !darwin

package kernels

func performanceCores() int { return 0 }
