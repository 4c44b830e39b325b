//go:build cgo

package kernels

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// fenced returns n zeros at the end of accessible memory: to read or write past them
// is a fault.
func fenced[T any](t testing.TB, n int) []T {
	t.Helper()
	var zero T
	page, size := windows.Getpagesize(), n*int(unsafe.Sizeof(zero))
	whole := (size + page - 1) / page * page
	address, err := windows.VirtualAlloc(0, uintptr(whole+page), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := windows.VirtualFree(address, 0, windows.MEM_RELEASE); err != nil {
			t.Error(err)
		}
	})
	var old uint32
	if err := windows.VirtualProtect(address+uintptr(whole), uintptr(page), windows.PAGE_NOACCESS, &old); err != nil {
		t.Fatal(err)
	}
	return unsafe.Slice((*T)(pointer(address+uintptr(whole-size))), n)
}
