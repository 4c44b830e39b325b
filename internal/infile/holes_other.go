//go:build !(linux || freebsd || darwin)

package infile

import "os"

// dataBytes takes all bytes for data.
func dataBytes(_ *os.File, size, _ int64) int64 { return size }
