package paligemma

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/grammar"
	"github.com/pgcli/paligemma/internal/decode"
	"github.com/pgcli/paligemma/internal/gemma"
	"github.com/pgcli/paligemma/internal/locseg"
	"github.com/pgcli/paligemma/internal/nn"
	"github.com/pgcli/paligemma/internal/schedule"
	"github.com/pgcli/paligemma/internal/siglip"
	"github.com/pgcli/paligemma/kernels"
)

// place loads the engine and puts the files' tensors on the device.
func (m *Model) place(ctx context.Context) (err error) {
	if m.lib, err = openEngine(&m.opts.Engine); err != nil {
		return err
	}
	if m.opts.Logger != nil {
		m.lib.SetLogger(m.opts.Logger)
	}
	if m.opts.Device == "" {
		m.device, err = m.lib.CPU()
	} else if m.device, err = m.lib.Device(m.opts.Device); err != nil {
		err = &optionsError{err}
	}
	if err != nil {
		return err
	}
	lists := make([][]nn.Spec, len(m.files))
	for i, f := range m.files {
		if lists[i], err = specs(ctx, f); err != nil {
			return err
		}
	}
	if m.kernels, err = m.useKernels(slices.Concat(lists...)); err != nil {
		return &optionsError{err}
	}
	m.cfg.Threads = m.opts.Threads
	if m.kernels {
		if m.cfg.Kernels = m.level.String(); m.level == kernels.Auto {
			m.cfg.Kernels = kernels.Best().String()
		}
	}
	for i, f := range m.files {
		s, err := m.newStore(f, lists[i])
		if err != nil {
			return err
		}
		m.stores = append(m.stores, s)
		m.cfg.WeightBytes += s.Bytes()
	}
	return nil
}

// newStore puts the tensors of a file on the device.
func (m *Model) newStore(f *gguf.File, specs []nn.Spec) (*nn.Store, error) {
	if m.estimates {
		return nn.PlanStore(m.device, "model", specs, m.kernels)
	}
	var data []byte // nil: all tensors are read
	if !m.opts.NoMmap {
		data, _ = f.Map() // fails on file systems that cannot map
		m.mapped = m.mapped || data != nil
	}
	if m.kernels {
		return nn.PackStore(m.device, "model", data, specs, m.opts.Threads)
	}
	return nn.MapStore(m.device, "model", data, specs, true)
}

// build makes both towers from the placed tensors, and what computes them. The
// error names every tensor that is missing or has another shape.
func (m *Model) build(projector *gguf.File) error {
	text := nn.NewWeights(m.stores[0])
	vision := text
	if len(m.stores) > 1 {
		vision = nn.NewWeights(m.stores[1])
	}
	m.gemma = gemma.New(text, m.cfg.text)
	m.encoder = siglip.New(vision, m.cfg.vision)
	err := text.Err()
	if len(m.stores) > 1 {
		err = errors.Join(err, vision.Err())
	}
	if err != nil {
		return err
	}
	if m.backend, err = m.newBackend(); err != nil {
		return err
	}
	m.decoder = decode.New(m.backend, m.gemma, m.decodeOptions())
	o := schedule.Options{Most: m.opts.Parallel, Rows: max(m.opts.Parallel, stepRows), Patience: m.opts.Patience}
	m.turns = schedule.New(o, (*decode.Request).Rows, m.decoder.Next)
	return m.describe()
}

// describe makes the graphs of what a model computes, so that Open refuses tensors that
// no graph can be made of.
func (m *Model) describe() error {
	g, _, _, err := m.describeTower()
	if err != nil {
		return err
	}
	if err := errors.Join(g.Err(), g.Close()); err != nil {
		return err
	}
	if _, err = m.decoder.PrefixBytes(1, 1); err != nil {
		return err
	}
	_, err = m.decoder.StepBytes(1, 1)
	return err
}

// decodeOptions returns the options of the decoder.
func (m *Model) decodeOptions() decode.Options {
	o := decode.Options{Batch: m.opts.Batch, CacheType: gguf.F16, Trace: m.opts.Trace}
	if m.opts.CacheF32 {
		o.CacheType = gguf.F32
	}
	if ids, err := m.locseg(); err == nil { // the vocabulary has coordinates
		o.Locs = grammar.Range{First: ids.Loc, Last: ids.Loc + locseg.Locs}
	}
	return o
}

// useKernels decides whether package kernels or ggml computes: one of them
// computes all of a model, as the threads of both would fight for processors.
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
		if m.level, reason = kernels.ParseLevel(asked); reason != nil {
			return false, fmt.Errorf("kernels is %q, want auto, on, off or a level of this processor: %s", asked, levelList())
		}
	}
	if reason == nil && m.device.Type() != bindings.CPU {
		reason = fmt.Errorf("%s is not the CPU", m.device.Name())
	}
	for _, e := range []int{m.cfg.text.HeadDim, m.cfg.vision.HeadDim()} {
		if reason == nil && e%nn.HeadUnit != 0 {
			reason = fmt.Errorf("heads are %d wide, and they compute multiples of %d", e, nn.HeadUnit)
		}
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

// levelList names the levels that this processor can run.
func levelList() string {
	var names []string
	for _, l := range kernels.Levels() {
		names = append(names, l.String())
	}
	if names == nil {
		return fmt.Sprintf("none (%v)", kernels.ErrNone)
	}
	return strings.Join(names, ", ")
}

// newBackend starts the device and its threads. The caller must Close it.
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
