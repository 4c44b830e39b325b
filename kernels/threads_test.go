package kernels

import (
	"fmt"
	"runtime"
	"testing"
	"testing/fstest"
)

func TestFastCores(t *testing.T) {
	files := func(pairs ...string) fstest.MapFS {
		sys := fstest.MapFS{}
		for i := 0; i < len(pairs); i += 2 {
			sys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1] + "\n")}
		}
		return sys
	}
	cpus := func(siblings ...string) fstest.MapFS {
		sys := fstest.MapFS{}
		for i, s := range siblings {
			if s == "" {
				sys[fmt.Sprintf("system/cpu/cpu%d/online", i)] = &fstest.MapFile{Data: []byte("0\n")}
				continue
			}
			sys[fmt.Sprintf("system/cpu/cpu%d/topology/thread_siblings_list", i)] = &fstest.MapFile{Data: []byte(s + "\n")}
		}
		return sys
	}
	with := func(a fstest.MapFS, b fstest.MapFS) fstest.MapFS {
		for name, f := range b {
			a[name] = f
		}
		return a
	}
	for _, c := range []struct {
		name string
		sys  fstest.MapFS
		want int
	}{
		{"nothing known", fstest.MapFS{}, 0},
		{"two cores", cpus("0", "1"), 2},
		{"two threads each", cpus("0,2", "1,3", "0,2", "1,3"), 2},
		{"two threads each, side by side", cpus("0-1", "0-1", "2-3", "2-3"), 2},
		{"one offline", cpus("0", "", "2"), 2},
		{"hybrid", with(cpus("0-1", "0-1", "2-3", "2-3", "4", "5", "6"), files("cpu_core/cpus", "0-3")), 2},
		{"hybrid, odd list", with(cpus("0", "1", "2"), files("cpu_core/cpus", "0,2")), 2},
		{"big and little", with(cpus("0", "1", "2", "3"), files(
			"system/cpu/cpu0/cpu_capacity", "400", "system/cpu/cpu1/cpu_capacity", "400",
			"system/cpu/cpu2/cpu_capacity", "1024", "system/cpu/cpu3/cpu_capacity", "900")), 2},
		{"other entries", with(cpus("0"), files("system/cpu/cpufreq/x", "", "system/cpu/cpuidle/y", "")), 1},
	} {
		if got := fastCores(c.sys); got != c.want {
			t.Errorf("%s: %d cores, want %d", c.name, got, c.want)
		}
	}
	if n := DefaultThreads(); n < 1 || n > runtime.GOMAXPROCS(0) {
		t.Errorf("%d threads by default", n)
	}
}
