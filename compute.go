package paligemma

import (
	"errors"
	"fmt"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/kernels"
)

// useKernels decides whether package kernels computes, the one place that
// does: all of a model or nothing, as its threads and ggml's would fight.
func (m *Model) useKernels(specs []nn.Spec) (bool, error) {
	asked := m.opts.Kernels
	var reason error
	switch asked {
	case "off":
		if m.opts.Precise {
			return false, errors.New("precise products need kernels, which are off")
		}
		return false, nil
	case "", "auto", "on":
		if len(kernels.Levels()) == 0 {
			reason = kernels.ErrNone
		}
	default:
		m.level, reason = kernels.ParseLevel(asked)
	}
	if reason == nil && m.device.Type() != bindings.CPU {
		reason = fmt.Errorf("%s is no CPU", m.device.Name())
	}
	for _, s := range specs {
		if s.Product && reason == nil && !nn.Packable(s.Type, s.Shape) {
			reason = fmt.Errorf("tensor %s is %v %v, which they do not multiply", s.Name, s.Type, s.Shape)
		}
	}
	switch {
	case reason == nil:
		return true, nil
	case m.opts.Precise:
		return false, fmt.Errorf("precise products need kernels: %w", reason)
	case asked == "" || asked == "auto":
		return false, nil
	}
	return false, fmt.Errorf("kernels %q: %w", asked, reason)
}

// newBackend starts the device as the options say. The caller must Close it.
func (m *Model) newBackend() (*nn.Backend, error) {
	if !m.kernels {
		return nn.NewBackend(m.device, m.opts.Threads)
	}
	b, err := nn.NewKernelBackend(m.device, m.opts.Threads, m.level)
	if err == nil {
		b.Precise = m.opts.Precise
	}
	return b, err
}
