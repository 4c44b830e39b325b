package sysmem

import (
	"reflect"
	"testing"
	"testing/fstest"
)

// files makes a tree of files.
func files(contents map[string]string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, text := range contents {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

// TestControlGroups reads trees as the kernel's documentation describes them
// (admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst).
func TestControlGroups(t *testing.T) {
	const name = "the memory limit of control group "
	for what, c := range map[string]struct {
		tree map[string]string
		want []Limit
	}{
		"version 2, with a group around it": {map[string]string{
			"proc/self/cgroup":                      "0::/user/job\n",
			"sys/fs/cgroup/user/job/memory.max":     "max\n",
			"sys/fs/cgroup/user/job/memory.current": "700\n",
			"sys/fs/cgroup/user/memory.max":         "1000\n",
			"sys/fs/cgroup/user/memory.current":     "900\n",
			"sys/fs/cgroup/user/memory.stat":        "anon 300\nfile 600\ninactive_file 250\nactive_file 150\n",
		}, []Limit{{name + "/user", 500, false}}},
		"version 2 in a container": {map[string]string{
			"proc/self/cgroup":             "0::/\n",
			"sys/fs/cgroup/memory.max":     "4096\n",
			"sys/fs/cgroup/memory.current": "5000\n",
		}, []Limit{{name + "/", 0, false}}},
		"version 1, named from outside the container": {map[string]string{
			"proc/self/cgroup":                           "3:cpu,cpuacct:/docker/abc\n2:memory:/docker/abc\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "1500\n",
			"sys/fs/cgroup/memory/memory.stat":           "inactive_file 1\ntotal_inactive_file 300\ntotal_active_file 200\n",
		}, []Limit{{name + "/", 1000, false}}},
		"version 1 without a limit": {map[string]string{
			"proc/self/cgroup":                           "2:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "1500\n",
		}, nil},
		"none": {map[string]string{}, nil},
	} {
		if got := cgroups(files(c.tree)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

func TestPhysical(t *testing.T) {
	tree := files(map[string]string{"proc/meminfo": "MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable:   60 kB\nSwapFree: 4 kB\n"})
	if got := physical(tree); len(got) != 1 || got[0].Bytes != 64<<10 {
		t.Errorf("got %v, want %d bytes", got, 64<<10)
	}
	if got := physical(files(nil)); got != nil {
		t.Errorf("without the file: %v", got)
	}
}

// TestLimits reads this machine's: it has memory.
func TestLimits(t *testing.T) {
	list := Limits()
	if len(list) == 0 {
		t.Fatal("no limit, want the machine's memory at least")
	}
	for _, l := range list {
		if l.Bytes < 0 || l.Name == "" {
			t.Errorf("limit %+v", l)
		}
	}
}
