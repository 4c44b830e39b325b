package bindings

import "github.com/ebitengine/purego"

// register points every function of the table at its address. If addresses are
// missing, it changes nothing and returns the names of those functions.
func (f *functions) register(addr map[string]uintptr) (missing []string) {
	for _, s := range f.symbols() {
		if addr[s.name] == 0 {
			missing = append(missing, s.name)
		}
	}
	if len(missing) > 0 {
		return missing
	}
	for _, s := range f.symbols() {
		purego.RegisterFunc(s.fn, addr[s.name])
	}
	return nil
}

// resolve looks up every name of the table in a loaded library and in the
// libraries that it depends on. The map lacks the names that are not found.
func resolve(handle uintptr) map[string]uintptr {
	addr := map[string]uintptr{}
	for _, s := range new(functions).symbols() {
		if a, err := dlsym(handle, s.name); err == nil {
			addr[s.name] = a
		}
	}
	return addr
}
