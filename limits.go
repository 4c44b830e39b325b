package paligemma

import (
	"fmt"

	"github.com/pgcli/paligemma/kernels"
)

// Limits is what a processor does at most, measured.
type Limits = kernels.Limits

// MeasureLimits measures, in about half a second and 1 GiB of memory, what
// threads of this processor do at most with the instructions of a level of
// Options.Kernels; 0 threads and "" mean the defaults.
func MeasureLimits(threads int, level string) (Limits, error) {
	if threads == 0 {
		threads = kernels.DefaultThreads()
	}
	var l kernels.Level
	var err error
	if level != "" && level != "auto" && level != "on" {
		if l, err = kernels.ParseLevel(level); err != nil {
			return Limits{}, fmt.Errorf("paligemma: %w", err)
		}
	}
	pool, err := kernels.NewPool(threads)
	if err != nil {
		return Limits{}, fmt.Errorf("paligemma: %w", err)
	}
	defer pool.Close()
	limits, err := pool.Limits(l)
	if err != nil {
		return Limits{}, fmt.Errorf("paligemma: %w", err)
	}
	return limits, nil
}
