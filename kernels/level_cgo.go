//go:build cgo

package kernels

// #include "level.h"
import "C"

// Best returns the level that Auto stands for, Auto if there is none.
func Best() Level { return Level(C.pg_best_level()) }

func supported(l Level) bool { return C.pg_level_supported(C.int(l)) != 0 }
