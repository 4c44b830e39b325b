package hub_test

import (
	"strings"
	"syscall"
)

// mountSmall mounts a file system in memory at dir, or changes its size.
func mountSmall(dir, options string) error {
	var flags uintptr
	if rest, ok := strings.CutPrefix(options, "remount,"); ok {
		flags, options = syscall.MS_REMOUNT, rest
	}
	return syscall.Mount("tmpfs", dir, "tmpfs", flags, options)
}

func unmountSmall(dir string) { _ = syscall.Unmount(dir, 0) }
