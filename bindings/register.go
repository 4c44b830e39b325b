package bindings

import "github.com/ebitengine/purego"

// register points every function of the table at its address. When any is
// missing it changes nothing and returns the names of all that are.
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

// resolve looks every name of the table up in a loaded library and in the
// libraries it depends on. Names it lacks stay absent.
func resolve(handle uintptr) map[string]uintptr {
	addr := map[string]uintptr{}
	for _, s := range new(functions).symbols() {
		if a, err := dlsym(handle, s.name); err == nil {
			addr[s.name] = a
		}
	}
	return addr
}
