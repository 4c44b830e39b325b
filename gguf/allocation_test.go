package gguf

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestAllocation opens files whose counts and lengths claim far more than is
// there, a sparse file of 4 TiB among them.
func TestAllocation(t *testing.T) {
	sparse, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer sparse.Close()
	for name, file := range map[string]raw{
		"tensors": head(1<<31, 0),
		"keys":    head(0, 1<<33),
		"key":     head(0, 1).u64(1 << 29),
		"string":  head(0, 1).text("a").u32(8).u64(1 << 29),
		"array":   head(0, 1).text("a").u32(9).u32(10).u64(1 << 40),
		"strings": head(0, 1).text("a").u32(9).u32(8).u64(1 << 40),
		"name":    head(1, 0).u64(1 << 29),
	} {
		t.Run(name, func(t *testing.T) {
			if err := sparse.Truncate(0); err != nil {
				t.Fatal(err)
			}
			if _, err := sparse.WriteAt(file, 0); err != nil {
				t.Fatal(err)
			}
			if err := sparse.Truncate(4 << 40); err != nil {
				t.Skipf("no sparse files here: %v", err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := New(sparse, 4<<40); err == nil {
				t.Error("opened")
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
				t.Errorf("allocated %d bytes", got)
			}
		})
	}
}
