package kernels

import (
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// DefaultThreads is how many threads kernels run on unless told otherwise: one
// per physical core, without the slower cores of processors that have two
// kinds, and no more than the processors that Go may use. Kernels gain nothing
// from a core's second thread, and wait at every barrier for a slower core.
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
	large := strings.TrimSpace(read(sys, "cpu_core/cpus")) // of Intel's hybrids
	fastest := 0
	for _, cpu := range cpus {
		fastest = max(fastest, capacity(sys, cpu))
	}
	cores := map[string]bool{}
	for _, cpu := range cpus {
		siblings := read(sys, cpu+"/topology/thread_siblings_list")
		number, err := strconv.Atoi(strings.TrimPrefix(path.Base(cpu), "cpu"))
		switch {
		case siblings == "" || err != nil: // offline, or no processor
		case large != "" && !listed(large, number):
		case capacity(sys, cpu) < fastest*3/4:
		default:
			cores[siblings] = true
		}
	}
	return len(cores)
}

// capacity is how fast a processor is beside the others, 0 if they are alike
// (Arm's big.LITTLE).
func capacity(sys fs.FS, cpu string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(read(sys, cpu+"/cpu_capacity")))
	return n
}

// listed reports whether n is in a list such as 0-7,16.
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

func read(sys fs.FS, name string) string {
	data, err := fs.ReadFile(sys, name)
	if err != nil {
		return ""
	}
	return string(data)
}
