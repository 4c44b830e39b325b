package nn

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pgcli/paligemma/bindings"
)

// A Backend computes graphs on one device, one at a time. Operations that the
// device lacks run on the CPU. Its methods are safe for concurrent use.
type Backend struct {
	main  *bindings.Backend
	cpu   *bindings.Backend // for what main lacks; nil when main is the CPU
	abort *bindings.AbortFlag

	running sync.Mutex // held while a graph is computed, even an abandoned one
	arena   arena      // counts the open graphs
}

// NewBackend starts dev with the given number of CPU threads, at least 1. The
// caller must Close the backend, after the graphs built on it.
func NewBackend(dev bindings.Device, threads int) (*Backend, error) {
	lib := dev.Lib()
	main, err := dev.NewBackend(threads)
	if err != nil {
		return nil, err
	}
	b := &Backend{main: main, abort: lib.NewAbortFlag()}
	b.arena.name = "backend " + dev.Name()
	if dev.Type() != bindings.CPU {
		cpu, err := lib.CPU()
		if err == nil {
			b.cpu, err = cpu.NewBackend(threads)
		}
		if err != nil {
			b.Close()
			return nil, err
		}
		b.cpu.AbortOn(b.abort)
	}
	b.main.AbortOn(b.abort)
	return b, nil
}

// Device returns the device.
func (b *Backend) Device() bindings.Device { return b.main.Device() }

// Close frees the backend. It waits for a computation that was abandoned when
// its context ended, and fails while graphs built on it are open. It is safe
// on nil and when closed.
func (b *Backend) Close() error {
	if b == nil {
		return nil
	}
	if first, err := b.arena.shut(); !first {
		return err
	}
	b.running.Lock()
	defer b.running.Unlock()
	b.main.Close()
	b.cpu.Close()
	return b.abort.Close()
}

// abortGrace is how long a cancelled computation may take to notice. ggml looks
// between nodes; one that takes longer is left to end on its own.
const abortGrace = 50 * time.Millisecond

// run computes with start until it ends or ctx does.
//
// When ctx ends, run returns within abortGrace. If ggml is inside one long
// node then, that node ends in the background: the backend stays busy so long,
// and whoever computes on it or closes it next waits.
func (b *Backend) run(ctx context.Context, start func() bindings.Status) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("nn: %w", context.Cause(ctx))
	}
	b.running.Lock()
	b.abort.Set(false)
	if ctx.Done() == nil {
		defer b.running.Unlock()
		return outcome(start())
	}
	status := make(chan bindings.Status, 1)
	go func() {
		defer b.running.Unlock()
		status <- start()
	}()
	select {
	case s := <-status:
		return outcome(s)
	case <-ctx.Done():
	}
	b.abort.Set(true)
	select {
	case <-status:
	case <-time.After(abortGrace):
	}
	return fmt.Errorf("nn: %w", context.Cause(ctx))
}

func outcome(s bindings.Status) error {
	if s != bindings.Success {
		return fmt.Errorf("nn: compute: %v", s)
	}
	return nil
}
