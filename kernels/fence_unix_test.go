//go:build unix

package kernels

import (
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns n zeros at the end of accessible memory: to read or write past them
// is a fault.
func fenced[T any](t testing.TB, n int) []T {
	t.Helper()
	var zero T
	page, size := syscall.Getpagesize(), n*int(unsafe.Sizeof(zero))
	whole := (size + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, whole+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(mem[whole:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&mem[whole-size])), n)
}
