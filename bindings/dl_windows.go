package bindings

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// dlopen loads file. Windows would look for a bare name, and for what a library
// depends on, in the working directory and on PATH too: it looks beside a library that
// has a path, beside the executable, and in the system's folder.
func dlopen(file string) (uintptr, error) {
	flags := uintptr(windows.LOAD_LIBRARY_SEARCH_DEFAULT_DIRS)
	if filepath.IsAbs(file) {
		flags |= windows.LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR
	}
	handle, err := windows.LoadLibraryEx(file, 0, flags)
	return uintptr(handle), err
}

// dlsym looks name up in handle, and then in the base library, which loading the core
// has loaded: Windows does not search a library's dependencies.
func dlsym(handle uintptr, name string) (uintptr, error) {
	addr, err := windows.GetProcAddress(windows.Handle(handle), name)
	if err == nil {
		return addr, nil
	}
	base, err := windows.UTF16PtrFromString("ggml-base.dll")
	if err != nil {
		return 0, err
	}
	var module windows.Handle
	if err := windows.GetModuleHandleEx(windows.GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, base, &module); err != nil {
		return 0, err
	}
	return windows.GetProcAddress(module, name)
}

func dlclose(handle uintptr) { _ = windows.FreeLibrary(windows.Handle(handle)) }
