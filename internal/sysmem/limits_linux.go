package sysmem

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

func limits() []Limit {
	root := os.DirFS("/")
	list := append(cgroups(root), physical(root)...)
	var as syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &as); err == nil && as.Cur < math.MaxInt64 {
		if used, ok := addressSpace(root); ok {
			list = append(list, Limit{"the limit of address space (ulimit -v)", max(0, int64(as.Cur)-used), true})
		}
	}
	return list
}

// addressSpace returns the address space that the process uses.
func addressSpace(root fs.FS) (int64, bool) {
	data, err := fs.ReadFile(root, "proc/self/statm")
	fields := strings.Fields(string(data))
	if err != nil || len(fields) == 0 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[0], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}

// physical returns the memory that nobody uses, or that is only a copy of a disk, and
// free swap space.
func physical(root fs.FS) []Limit {
	values := table(root, "proc/meminfo")
	free, ok := values["MemAvailable:"]
	if !ok {
		return nil
	}
	return []Limit{{"the machine's free memory", (free + values["SwapFree:"]) << 10, false}}
}

// cgroups returns the limits of the process's control groups, version 2 or 1, and of
// those around them.
func cgroups(root fs.FS) (list []Limit) {
	data, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number:controllers:path
		switch {
		case len(parts) != 3:
		case parts[1] == "":
			list = append(list, upwards(root, "sys/fs/cgroup", parts[2], "memory.max", "memory.current", "")...)
		case strings.Contains(","+parts[1]+",", ",memory,"):
			list = append(list, upwards(root, "sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")...)
		}
	}
	return list
}

// upwards returns the limits of a group and of those around it. In a container the
// path may be that outside; then the group is the mount itself.
func upwards(root fs.FS, mount, group, most, used, prefix string) (list []Limit) {
	for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
		at := path.Join(mount, dir)
		limit, ok1 := number(root, path.Join(at, most))
		use, ok2 := number(root, path.Join(at, used))
		if ok1 && ok2 && limit < 1<<60 { // version 1 says so that there is none
			stat := table(root, path.Join(at, "memory.stat"))
			cache := stat[prefix+"inactive_file"] + stat[prefix+"active_file"] // given back when memory is short
			list = append(list, Limit{"the memory limit of control group " + dir, max(0, limit-max(0, use-cache)), false})
		}
		if dir == "/" {
			return list
		}
	}
}

// number reads a file that has a number.
func number(root fs.FS, name string) (int64, bool) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64) // "max" is none
	return n, err == nil
}

// table reads a file with a name and a number on each line.
func table(root fs.FS, name string) map[string]int64 {
	values := map[string]int64{}
	f, err := root.Open(name)
	if err != nil {
		return values
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) >= 2 {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				values[fields[0]] = n
			}
		}
	}
	return values
}
