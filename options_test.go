package paligemma

import (
	"errors"
	"testing"

	"github.com/pgcli/paligemma/models"
)

// TestOptionsAreToldApart: a wrong option is an ErrOptions, a wrong file is not.
func TestOptionsAreToldApart(t *testing.T) {
	for name, o := range map[string]Options{
		"threads": {Threads: -1}, "context": {Context: 1 << 30}, "loc scale": {LocScale: 7}, "device": {Device: "TPU7"},
		"kernels": {Kernels: "sse"}, "precise": {Kernels: "off", Precise: true},
	} {
		o.Engine = anyEngine(t)
		m, err := New(models.Tiny(), &o)
		if !errors.Is(err, ErrOptions) || errors.Is(err, ErrRequest) {
			t.Errorf("%s: error %v, want ErrOptions", name, err)
		}
		must(t, m.Close())
	}
	if _, err := New([]byte("GGUF"), nil); err == nil || errors.Is(err, ErrOptions) {
		t.Errorf("a broken file: error %v, want another than ErrOptions", err)
	}
}
