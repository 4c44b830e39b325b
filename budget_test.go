package paligemma

import (
	"errors"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/convert"
	"github.com/pgcli/paligemma/internal/sysmem"
	"github.com/pgcli/paligemma/internal/testmodel"
)

// TestMemoryLimit opens a model within the memory that Estimate says, refuses it with
// a byte less, and refuses the session that would go beyond.
func TestMemoryLimit(t *testing.T) {
	file := testmodel.Convert(t, "pg2-b", convert.Options{Type: "q8_0"})
	for kernels, device := range map[string]string{"auto": "", "off": "cpu"} {
		opts := Options{Kernels: kernels, Device: device, Engine: anyEngine(t), Threads: 1}
		size, err := Estimate(t.Context(), file, &opts, 1)
		must(t, err)
		opts.MemoryLimit = size.Total() - 1
		_, err = Open(file, &opts)
		if !errors.Is(err, ErrNoMemory) {
			t.Fatalf("kernels %s: a byte less than %v: error %v", kernels, size, err)
		}
		for _, part := range []string{"for weights", "for caches of sessions", "for graphs of answers", "for a picture or prompt", sysmem.Size(int64(size.Total())), "MemoryLimit"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("kernels %s: error %q, want %q in it", kernels, err, part)
			}
		}
		opts.MemoryLimit = size.Total() + size.Session
		m := open(t, file, opts)
		a := newSession(t, m)
		newSession(t, m)
		if _, err := m.NewSession(); !errors.Is(err, ErrNoMemory) {
			t.Errorf("kernels %s: a third session: error %v", kernels, err)
		}
		must(t, a.Close())
		newSession(t, m)
	}
}

// TestFitsSystemLimits checks sums against limits as a system has them.
func TestFitsSystemLimits(t *testing.T) {
	file := testmodel.Convert(t, "pg1-a", convert.Options{Type: "q8_0"})
	m := open(t, file, Options{})
	size := Memory{Weights: 100 << 20, Session: 1 << 20, Sessions: 1, Steps: 2 << 20, Picture: 3 << 20, Prompt: 4 << 20}
	need := int64(107<<20 + processBytes)
	mapped := need + threadBytes + m.mappedBesides()
	for _, c := range []struct {
		limit sysmem.Limit
		fits  bool
	}{
		{sysmem.Limit{Name: "memory", Bytes: need}, true},
		{sysmem.Limit{Name: "memory", Bytes: need - 1}, false},
		{sysmem.Limit{Name: "addresses", Bytes: mapped, Address: true}, true},
		{sysmem.Limit{Name: "addresses", Bytes: mapped - 1, Address: true}, false},
	} {
		err := m.fits(size, []sysmem.Limit{{Name: "plenty", Bytes: 1 << 50}, c.limit})
		if c.fits != (err == nil) || err != nil && (!errors.Is(err, ErrNoMemory) || !strings.Contains(err.Error(), c.limit.String())) {
			t.Errorf("%+v: error %v", c.limit, err)
		}
	}
	m.opts.NoMmap = true
	if err := m.fits(size, []sysmem.Limit{{Name: "addresses", Bytes: need + threadBytes, Address: true}}); err != nil {
		t.Errorf("without mapping: %v", err)
	}
}
