package paligemma

import (
	"fmt"

	"github.com/pgcli/paligemma/kernels"
)

// Limits are the measured upper bounds of a processor's speed.
type Limits = kernels.Limits

// MeasureLimits measures how fast a number of threads of this processor can
// multiply and read memory, with the instructions of a level of Options.Kernels.
// 0 threads and the level "" mean the defaults. It takes half a second and 1 GiB
// of memory.
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
