//go:build cgo

package kernels

// #include "ycbcr.h"
import "C"

import "unsafe"

func nativeRGB(rgb, y, cb, cr []uint8, level Level) bool {
	return C.pg_rgb(C.int(level), samples(rgb), samples(y), samples(cb), samples(cr), C.int64_t(len(y))) != 0
}

func nativeUpsample(out, near, far []uint8, level Level) bool {
	return C.pg_upsample(C.int(level), samples(out), samples(near), samples(far), C.int64_t(len(near))) != 0
}

func samples(s []uint8) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(s)) }
