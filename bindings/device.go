package bindings

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// A Device is a processor that the library can compute on. Devices live as
// long as the library; they own nothing that must be closed.
type Device struct {
	lib *Lib
	ptr devicePtr
}

// Devices lists the devices in ggml's order.
func (l *Lib) Devices() []Device {
	var devices []Device
	for i := range l.fn.devCount() {
		devices = append(devices, Device{l, l.fn.devGet(i)})
	}
	return devices
}

// Device finds a device by name, such as "CPU" or "Vulkan0", in upper or lower
// case. The error lists the names of all devices.
func (l *Lib) Device(name string) (Device, error) {
	var names []string
	for _, d := range l.Devices() {
		if strings.EqualFold(d.Name(), name) {
			return d, nil
		}
		names = append(names, d.Name())
	}
	return Device{}, fmt.Errorf("bindings: no device %q; there are %q", name, names)
}

// CPU returns the processor that runs this program.
func (l *Lib) CPU() (Device, error) {
	for _, d := range l.Devices() {
		if d.Type() == CPU {
			return d, nil
		}
	}
	return Device{}, fmt.Errorf("bindings: %s has no CPU device; point %s at a folder that also holds libggml-cpu",
		l.describe(), environment)
}

// describe names the library in errors.
func (l *Lib) describe() string {
	if l.door == BuiltIn {
		return "the built-in ggml"
	}
	return l.path
}

// Lib returns the library that the device belongs to.
func (d Device) Lib() *Lib { return d.lib }

// Name returns the device's short name, unique in its library.
func (d Device) Name() string { return d.lib.fn.devName(d.ptr) }

// Description returns the processor's own name.
func (d Device) Description() string { return d.lib.fn.devDescription(d.ptr) }

// Type returns the kind of processor.
func (d Device) Type() DeviceType { return d.lib.fn.devType(d.ptr) }

// Backend names the part of ggml that drives the device: CPU, Vulkan, CUDA.
func (d Device) Backend() string { return d.lib.fn.regName(d.lib.fn.devReg(d.ptr)) }

// Memory returns the device's free and total memory in bytes; 0 if unknown.
func (d Device) Memory() (free, total uint64) {
	var f, t uintptr
	d.lib.fn.devMemory(d.ptr, &f, &t)
	return uint64(f), uint64(t)
}

// SupportsOp reports whether the device can compute t, the result of an
// operation.
func (d Device) SupportsOp(t Tensor) bool { return t.Valid() && d.lib.fn.devSupportsOp(d.ptr, t.ptr) }

// proc returns the address of a function that the device's backend offers by
// name; 0 if it has none of that name.
func (d Device) proc(name string) uintptr {
	return uintptr(d.lib.fn.regProc(d.lib.fn.devReg(d.ptr), name))
}

// Features lists the features that the backend was compiled with, such as AVX2
// and REPACK, each with ggml's value: "1" for present.
func (d Device) Features() map[string]string {
	get := d.proc("ggml_backend_get_features")
	if get == 0 {
		return nil
	}
	// struct ggml_backend_feature { const char *name, *value; }, ended by a
	// nil name.
	first, _, _ := purego.SyscallN(get, uintptr(d.lib.fn.devReg(d.ptr)))
	features := map[string]string{}
	for p := pointer[[2]*byte](first); p[0] != nil; p = (*[2]*byte)(unsafe.Add(unsafe.Pointer(p), unsafe.Sizeof(*p))) {
		features[cString(p[0])] = cString(p[1])
	}
	return features
}

// pointer converts an address in C memory, which the garbage collector neither
// moves nor frees.
func pointer[T any](addr uintptr) *T { return *(**T)(unsafe.Pointer(&addr)) }

// maxThreads is GGML_MAX_N_THREADS.
const maxThreads = 512

// NewBackend starts a stream of computations on the device. threads counts
// CPU threads, at least 1; other devices ignore it. The caller must Close the
// backend, after everything allocated for it.
func (d Device) NewBackend(threads int) (*Backend, error) {
	if threads < 1 || threads > maxThreads {
		return nil, fmt.Errorf("bindings: %d threads, want 1 to %d", threads, maxThreads)
	}
	ptr := d.lib.fn.devInit(d.ptr, nil)
	if ptr == 0 {
		return nil, fmt.Errorf("bindings: device %s does not start", d.Name())
	}
	if set := d.proc("ggml_backend_set_n_threads"); set != 0 {
		purego.SyscallN(set, uintptr(ptr), uintptr(threads))
	}
	endThreads := d.giveThreads(ptr, threads)
	b := &Backend{device: d}
	b.open(d.lib, ptr, func(p backendPtr) {
		d.lib.fn.backendFree(p)
		endThreads()
	})
	return b, nil
}
