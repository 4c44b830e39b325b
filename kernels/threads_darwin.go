package kernels

import "syscall"

// performanceCores counts the fast cores, 0 if the system does not say.
func performanceCores() int {
	n, err := syscall.SysctlUint32("hw.perflevel0.physicalcpu")
	if err != nil {
		return 0
	}
	return int(n)
}
