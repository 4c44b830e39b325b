package nn

import (
	"context"
	"fmt"
	"time"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/kernels"
)

// A Backend computes graphs on one device, one at a time. Operations that the
// device lacks run on the CPU. Its methods are safe for concurrent use.
type Backend struct {
	main  *bindings.Backend
	cpu   *bindings.Backend // for what main lacks; nil when main is the CPU
	abort *bindings.AbortFlag
	pool  *kernels.Pool // computes our kernels; nil if ggml's are used
	level kernels.Level

	// Precise makes kernels round activations to 16 bits, not 8. It may be set
	// until the first graph is built.
	Precise bool

	turn  chan struct{} // full while a graph is computed, even an abandoned one
	arena arena         // counts the open graphs
}

// NewBackend starts dev with the given number of CPU threads, at least 1. The
// caller must Close the backend, after the graphs built on it.
func NewBackend(dev bindings.Device, threads int) (*Backend, error) {
	lib := dev.Lib()
	main, err := dev.NewBackend(threads)
	if err != nil {
		return nil, err
	}
	b := &Backend{main: main, abort: lib.NewAbortFlag(), turn: make(chan struct{}, 1)}
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

// NewKernelBackend starts the CPU device dev with package kernels' code, which
// runs on threads threads at a level, Auto for the fastest. ggml has one
// thread, for what the kernels leave to it. The caller must Close the backend,
// after the graphs built on it.
func NewKernelBackend(dev bindings.Device, threads int, level kernels.Level) (*Backend, error) {
	pool, err := kernels.NewPool(threads)
	if err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	b, err := NewBackend(dev, 1)
	if err == nil && b.cpu != nil {
		b.Close()
		err = fmt.Errorf("nn: kernels run on the CPU, not on %s", dev.Name())
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	b.pool, b.level = pool, level
	return b, nil
}

// Kernels reports whether package kernels computes what it can.
func (b *Backend) Kernels() bool { return b.pool != nil }

// OnCPU reports whether the device is the CPU.
func (b *Backend) OnCPU() bool { return b.cpu == nil }

// Device returns the device.
func (b *Backend) Device() bindings.Device { return b.main.Device() }

// Close frees the backend. It fails while graphs built on it are open. It is
// safe on nil and when closed.
func (b *Backend) Close() error {
	if b == nil {
		return nil
	}
	if first, err := b.arena.shut(); !first {
		return err
	}
	b.main.Close()
	b.cpu.Close()
	b.pool.Close()
	return b.abort.Close()
}

// abortGrace is how long a cancelled computation may take to notice. Kernels
// look between pieces of work, ggml between nodes; one that takes longer is left
// to end on its own.
const abortGrace = 50 * time.Millisecond

// run computes with start until it ends or ctx does.
//
// When ctx ends, run returns within abortGrace. If ggml is inside one long
// node then, that node ends in the background: run reports that it abandoned
// the computation, and whoever computes next waits for its turn.
func (b *Backend) run(ctx context.Context, start func() bindings.Status) (abandoned bool, err error) {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ended(ctx)
	}
	if ctx.Err() != nil { // select takes either when both are ready
		<-b.turn
		return false, ended(ctx)
	}
	b.abort.Set(false)
	b.pool.Go()
	if ctx.Done() == nil {
		defer func() { <-b.turn }()
		return false, outcome(start())
	}
	status := make(chan bindings.Status, 1)
	go func() { status <- start() }()
	select {
	case s := <-status:
		<-b.turn
		return false, outcome(s)
	case <-ctx.Done():
	}
	// The turn is still held here, so the flag stops no other computation.
	b.abort.Set(true)
	b.pool.Stop()
	select {
	case <-status:
		<-b.turn
		return false, ended(ctx)
	case <-time.After(abortGrace):
	}
	go func() {
		<-status
		<-b.turn
	}()
	return true, ended(ctx)
}

// wait returns when nothing is computed.
func (b *Backend) wait() {
	b.turn <- struct{}{}
	<-b.turn
}

func ended(ctx context.Context) error { return fmt.Errorf("nn: compute: %w", context.Cause(ctx)) }

func outcome(s bindings.Status) error {
	if s != bindings.Success {
		return fmt.Errorf("nn: compute: %v", s)
	}
	return nil
}
