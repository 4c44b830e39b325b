//go:build unix

package bindings

import "github.com/ebitengine/purego"

// dlopen loads file with all its references bound at once, so that a broken
// library fails here and not in the middle of a computation. Its names stay
// local: a second ggml in the process must not see them.
func dlopen(file string) (uintptr, error) {
	handle, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return 0, explain(file, err)
	}
	return handle, nil
}

func dlsym(handle uintptr, name string) (uintptr, error) { return purego.Dlsym(handle, name) }

func dlclose(handle uintptr) { _ = purego.Dlclose(handle) }
