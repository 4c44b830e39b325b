package convert

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// TestMemoryLimitOfConversion refuses a conversion that may not take what its threads
// need, and writes nothing.
func TestMemoryLimitOfConversion(t *testing.T) {
	src, dst := "../testdata/oracle/pg1-a", filepath.Join(t.TempDir(), "out.gguf")
	o := Options{Type: "f16", Threads: 4, MemoryLimit: headerBytes + 1<<20}
	_, err := Run(t.Context(), src, dst, o)
	if !errors.Is(err, ErrNoMemory) || !strings.Contains(err.Error(), "buffers of 4 threads") {
		t.Errorf("error %v, want ErrNoMemory", err)
	}
	if exists(dst) {
		t.Error("the output exists")
	}
	o.MemoryLimit = 1 << 30
	if _, err := Run(t.Context(), src, dst, o); err != nil {
		t.Error(err)
	}
}
