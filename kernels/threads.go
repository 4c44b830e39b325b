package kernels

import (
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// DefaultThreads returns the number of threads that suits kernels: one per physical
// core, without the slower cores of processors that have two kinds, and no more than
// GOMAXPROCS. Kernels gain nothing from a core's second thread, and would wait at
// every barrier for a slower core.
func DefaultThreads() int {
	most := runtime.GOMAXPROCS(0)
	if n := fastCores(os.DirFS("/sys/devices")); n > 0 {
		return min(n, most)
	}
	if n := performanceCores(); n > 0 {
		return min(n, most)
	}
	return most
}

// fastCores counts the fast physical cores in Linux's description of the
// processors, 0 if it says nothing.
func fastCores(sys fs.FS) int {
	cpus, err := fs.Glob(sys, "system/cpu/cpu[0-9]*")
	if err != nil || len(cpus) == 0 {
		return 0
	}
	large := strings.TrimSpace(read(sys, "cpu_core/cpus")) // the fast cores of Intel's hybrids
	fastest := 0
	for _, cpu := range cpus {
		fastest = max(fastest, capacity(sys, cpu))
	}
	cores := map[string]bool{}
	for _, cpu := range cpus {
		siblings := read(sys, cpu+"/topology/thread_siblings_list")
		number, err := strconv.Atoi(strings.TrimPrefix(path.Base(cpu), "cpu"))
		switch {
		case siblings == "" || err != nil: // offline, or not a processor
		case large != "" && !listed(large, number):
		case capacity(sys, cpu) < fastest*3/4:
		default:
			cores[siblings] = true
		}
	}
	return len(cores)
}

// capacity returns the speed of a processor relative to the others (Arm's
// big.LITTLE), 0 if the system does not say.
func capacity(sys fs.FS, cpu string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(read(sys, cpu+"/cpu_capacity")))
	return n
}

// listed reports whether n is in a list such as "0-7,16".
func listed(list string, n int) bool {
	for part := range strings.SplitSeq(list, ",") {
		first, last, found := strings.Cut(part, "-")
		a, errA := strconv.Atoi(first)
		b := a
		var errB error
		if found {
			b, errB = strconv.Atoi(last)
		}
		if errA == nil && errB == nil && a <= n && n <= b {
			return true
		}
	}
	return false
}

// read returns the content of a file, "" if it cannot be read.
func read(sys fs.FS, name string) string {
	data, err := fs.ReadFile(sys, name)
	if err != nil {
		return ""
	}
	return string(data)
}
