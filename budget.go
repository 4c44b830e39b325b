package paligemma

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/gguf"
	"github.com/pgcli/paligemma/internal/sysmem"
)

// Memory is limited by Options.MemoryLimit or, without it, by the system. Beyond the
// system's limits Go's runtime and ggml end the process, so a model that would not
// fit is refused before its weights are loaded.

const (
	// processBytes is for the program besides its models: Go's heap while a tokenizer
	// is read, and the pictures of a request.
	processBytes = 256 << 20

	// threadBytes is the address space of a thread: its stack, and its share of the
	// C library's heap.
	threadBytes = 72 << 20
)

// checkMemory refuses the model of the files if it, a session of it and a picture
// do not fit in memory. It notes in m.planned what the model takes.
func (m *Model) checkMemory(ctx context.Context, projector *gguf.File) error {
	if d := m.opts.Device; m.opts.MemoryLimit == 0 && d != "" && !strings.EqualFold(d, "CPU") {
		return nil // the weights lie in the device's memory
	}
	limits := sysmem.Limits()
	if n := m.opts.MemoryLimit; n > 0 {
		limits = []sysmem.Limit{{Name: "Options.MemoryLimit", Bytes: int64(n)}}
	}
	least := Memory{Session: m.cacheBytes(), Sessions: 1}
	for _, f := range m.files {
		for _, t := range f.Tensors() {
			if !isMask(t.Name) {
				least.Weights += int(t.Size)
			}
		}
	}
	if m.opts.MemoryLimit == 0 && roomy(limits, 4*int64(least.Total())+4<<30) {
		return nil
	}
	if err := m.fits(least, limits); err != nil {
		return err
	}
	size, err := m.plan(ctx, projector)
	if err != nil {
		return err
	}
	m.planned = size
	return m.fits(size, limits)
}

// roomy reports whether no limit is below a number of bytes.
func roomy(limits []sysmem.Limit, bytes int64) bool {
	for _, l := range limits {
		if l.Bytes < bytes {
			return false
		}
	}
	return true
}

// fits returns an ErrNoMemory with all parts of size if a limit is below their sum.
func (m *Model) fits(size Memory, limits []sysmem.Limit) error {
	for _, l := range limits {
		need, what, remedy := int64(size.Total()), "", "choose a smaller type, a shorter context (Options.Context) or fewer tokens at a time (Options.Batch)"
		if m.opts.MemoryLimit == 0 {
			need += processBytes
			what = ", with the program "
		}
		if l.Address {
			need += int64(m.opts.Threads) * threadBytes
			if !m.opts.NoMmap {
				need += m.mappedBesides()
				what = ", with the program and the mapped file "
				remedy += "; Options.NoMmap maps nothing"
			}
		}
		if what != "" {
			what += sysmem.Size(need)
		}
		if need > l.Bytes {
			return fmt.Errorf("%w: the model takes %v%s, and %v: %s", ErrNoMemory, size, what, l, remedy)
		}
	}
	return nil
}

// mappedBesides returns the bytes of the files that are mapped, which is all, but are
// not used there.
func (m *Model) mappedBesides() (n int64) {
	for _, f := range m.files {
		n += f.Size()
		for _, t := range f.Tensors() {
			if readByRows(t.Name) {
				n -= t.Size
			}
		}
	}
	return n
}

// String lists the parts, and their sum.
func (m Memory) String() string {
	var parts []string
	for _, p := range []struct {
		name  string
		bytes int
	}{{"weights", m.Weights}, {"caches of sessions", m.Sessions * m.Session}, {"graphs of answers", m.Steps}, {"a picture or prompt", max(m.Picture, m.Prompt)}} {
		if p.bytes > 0 {
			parts = append(parts, fmt.Sprintf("%s for %s", sysmem.Size(int64(p.bytes)), p.name))
		}
	}
	return fmt.Sprintf("%s (%s)", sysmem.Size(int64(m.Total())), strings.Join(parts, ", "))
}

// plan tells what the model would take with one session. Its weights are not read.
func (m *Model) plan(ctx context.Context, projector *gguf.File) (Memory, error) {
	twin := &Model{files: m.files, cfg: m.cfg, opts: m.opts, tok: m.tok, locseg: m.locseg, estimates: true}
	twin.ended.L = &twin.mu
	twin.opts.Logger = nil
	defer func() {
		twin.files = nil // they stay open
		twin.Close()
	}()
	if err := twin.place(ctx); err != nil {
		return Memory{}, err
	}
	if twin.device.Type() != bindings.CPU {
		return Memory{}, nil
	}
	if err := twin.build(projector); err != nil {
		return Memory{}, err
	}
	return twin.estimate(ctx, 1)
}

// estimate measures the model, and what a number of answers at a time will add.
func (m *Model) estimate(ctx context.Context, answers int) (Memory, error) {
	size, err := m.Memory(ctx)
	if err != nil {
		return Memory{}, err
	}
	if err := context.Cause(ctx); err != nil {
		return Memory{}, err
	}
	size.Sessions = answers
	if size.Steps, err = m.decoder.StepBytes(m.opts.Context, min(answers, m.opts.Parallel)); err != nil {
		return Memory{}, fmt.Errorf("estimate: %w", err)
	}
	return size, nil
}
