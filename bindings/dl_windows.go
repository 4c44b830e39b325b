package bindings

import "syscall"

func dlopen(file string) (uintptr, error) {
	handle, err := syscall.LoadLibrary(file)
	return uintptr(handle), err
}

// dlsym looks name up in handle, and then in the base library next to it:
// Windows does not search a library's dependencies.
func dlsym(handle uintptr, name string) (uintptr, error) {
	addr, err := syscall.GetProcAddress(syscall.Handle(handle), name)
	if err == nil {
		return addr, nil
	}
	base, err := syscall.LoadLibrary("ggml-base.dll")
	if err != nil {
		return 0, err
	}
	return syscall.GetProcAddress(base, name)
}

func dlclose(handle uintptr) { _ = syscall.FreeLibrary(syscall.Handle(handle)) }
