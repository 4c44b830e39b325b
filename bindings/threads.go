package bindings

import (
	"unsafe"

	"github.com/ebitengine/purego"
)

// threadpoolPtr is a struct ggml_threadpool *.
type threadpoolPtr uintptr

// threadpoolParams is struct ggml_threadpool_params.
type threadpoolParams struct {
	cpumask   [maxThreads]bool // all false: any processor
	threads   int32
	priority  int32  // 0: that of the process
	poll      uint32 // 0: to sleep at once, without watching for work
	strictCPU bool
	paused    bool
}

// giveThreads gives a CPU backend threads that stay, and sleep while there is no graph
// to compute: ggml starts new ones for each graph otherwise, and beside a busy process
// a new thread waits for a processor while the others spin. It returns a function that
// ends them, after the backend. It does nothing for one thread, or where ggml lacks a
// function for it.
func (d Device) giveThreads(b backendPtr, threads int) (free func()) {
	start, end, use := d.proc("ggml_threadpool_new"), d.proc("ggml_threadpool_free"), d.proc("ggml_backend_cpu_set_threadpool")
	if threads < 2 || start == 0 || end == 0 || use == 0 {
		return func() {}
	}
	params := threadpoolParams{threads: int32(threads)}
	started, _, _ := purego.SyscallN(start, uintptr(unsafe.Pointer(&params)))
	pool := threadpoolPtr(started)
	if pool == 0 {
		return func() {}
	}
	purego.SyscallN(use, uintptr(b), uintptr(pool))
	return func() { purego.SyscallN(end, uintptr(pool)) }
}
