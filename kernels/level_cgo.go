//go:build cgo

package kernels

// #include "level.h"
import "C"

func supported(l Level) bool { return C.pg_level_supported(C.int(l)) != 0 }
