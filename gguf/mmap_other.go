//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package gguf

import "os"

// mapFile always fails: Open then reads through the file itself.
func mapFile(*os.File, int64) (*mapping, error) { return nil, errNotMapped }

// forget does nothing: the file is not mapped.
func forget([]byte, int64, int64) {}
