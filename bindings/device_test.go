package bindings

import (
	"math"
	"strings"
	"testing"
)

func TestDevices(t *testing.T) {
	eachDoor(t, func(t *testing.T, lib *Lib) {
		dev := cpu(t, lib)
		same, err := lib.Device(strings.ToLower(dev.Name()))
		must(t, err)
		if same != dev || dev.Lib() != lib || dev.Type() != CPU || dev.Backend() != "CPU" || dev.Description() == "" {
			t.Errorf("device %q, backend %q, %v, %q", same.Name(), dev.Backend(), dev.Type(), dev.Description())
		}
		if free, total := dev.Memory(); total < 1<<20 || free > total {
			t.Errorf("%d of %d bytes are free", free, total)
		}
		if len(dev.Features()) == 0 {
			t.Error("the CPU lists no features")
		}
		for _, extra := range dev.ExtraBufferTypes() {
			if extra.Name() == "" {
				t.Error("an extra memory has no name")
			}
		}
		for _, name := range []string{"", "GPU99", "CPU\x00", "cpu0"} {
			_, err := lib.Device(name)
			wants(t, name, err, dev.Name())
		}
		for _, threads := range []int{0, -1, math.MinInt, maxThreads + 1, math.MaxInt} {
			_, err := dev.NewBackend(threads)
			wants(t, "threads", err, "want 1 to 512")
		}
		b, err := dev.NewBackend(maxThreads)
		must(t, err)
		must(t, b.Close())
	})
}
