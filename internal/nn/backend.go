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
	cpu   *bindings.Backend // computes what main lacks; nil when main is the CPU
	abort *bindings.AbortFlag
	pool  *kernels.Pool // runs package kernels; nil when ggml computes everything
	level kernels.Level

	// Precise makes kernels round activations to 16 bits, not 8, and not to
	// bfloat16. It may be set until the first graph is built.
	Precise bool

	turn  chan struct{} // full while a graph is computed, an abandoned one included
	arena arena         // counts the open graphs
}

// NewBackend starts dev with a number of CPU threads, from 1 to 512. The caller
// must Close the backend, after the graphs built on it.
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

// NewKernelBackend starts the CPU device dev for graphs that package kernels
// computes on a number of threads, with the instructions of level; Auto picks
// the fastest. ggml computes the other operations, on one thread. The caller
// must Close the backend, after the graphs built on it.
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

// Kernels reports whether the backend is one of NewKernelBackend.
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

// abortGrace is how long run waits for a cancelled computation to notice.
// Kernels look between pieces of work, ggml between nodes; a node that takes
// longer is left to end on its own.
const abortGrace = 50 * time.Millisecond

// run calls start, which computes a graph, and returns when it or ctx ends. quick says
// that the graph can be stopped at any time within abortGrace.
func (b *Backend) run(ctx context.Context, quick bool, start func() bindings.Status) (abandoned bool, err error) {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ended(ctx)
	}
	if ctx.Err() != nil { // when both cases are ready, select takes either
		<-b.turn
		return false, ended(ctx)
	}
	b.abort.Set(false)
	b.pool.Go()
	if quick || ctx.Done() == nil {
		return false, b.runHere(ctx, start)
	}
	return b.runAside(ctx, start)
}

// runHere calls start and stops it when ctx ends. The turn ends with start.
func (b *Backend) runHere(ctx context.Context, start func() bindings.Status) (err error) {
	stopped := make(chan struct{})
	goOn := context.AfterFunc(ctx, func() {
		defer close(stopped)
		b.halt()
	})
	defer func() {
		if !goOn() {
			<-stopped // else it would stop the next computation
			err = ended(ctx)
		}
		<-b.turn
	}()
	return outcome(start())
}

// runAside calls start on a goroutine of its own, which costs a small graph more than its
// nodes take, and returns within abortGrace when ctx ends. If ggml is inside one long node
// then, that node ends in the background: runAside reports that it abandoned the
// computation, and the next computation waits for its turn.
func (b *Backend) runAside(ctx context.Context, start func() bindings.Status) (abandoned bool, err error) {
	status := make(chan bindings.Status, 1)
	go func() { status <- start() }()
	select {
	case s := <-status:
		<-b.turn
		return false, outcome(s)
	case <-ctx.Done():
	}
	b.halt()
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

// halt stops the computation that has the turn.
func (b *Backend) halt() {
	b.abort.Set(true)
	b.pool.Stop()
}

// wait returns once no graph is being computed.
func (b *Backend) wait() {
	b.turn <- struct{}{}
	<-b.turn
}

// ended is the error of a computation whose context ended.
func ended(ctx context.Context) error { return fmt.Errorf("nn: compute: %w", context.Cause(ctx)) }

// outcome is the error of a computation that ggml ended with status s.
func outcome(s bindings.Status) error {
	if s != bindings.Success {
		return fmt.Errorf("nn: compute: %v", s)
	}
	return nil
}
