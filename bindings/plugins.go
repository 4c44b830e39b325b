package bindings

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/ebitengine/purego"
)

// LoadPlugins loads ggml's backends from a plug-in file, or from every plug-in in
// a folder. Of several libggml-cpu-* in a folder ggml loads the best for this
// processor. LoadPlugins returns the devices that were added. ggml puts faster
// devices first, so that CPU returns the best.
//
// Plug-ins bring a core of their own. Plug-ins for the built-in ggml must be made
// of the same sources: the core's file name carries their version.
func (l *Lib) LoadPlugins(path string) ([]Device, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("bindings: %w", err)
	}
	l.plugins.Lock()
	defer l.plugins.Unlock()
	return l.loadPlugins(path)
}

// loadPlugins loads plug-ins for a caller that holds the lock.
func (l *Lib) loadPlugins(path string) ([]Device, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("bindings: plug-ins: %w", err)
	}
	dir := path
	if !info.IsDir() {
		dir = filepath.Dir(path)
	}
	if l.door == BuiltIn {
		if err := l.quietCore(dir); err != nil {
			return nil, fmt.Errorf("bindings: plug-ins in %s: %w", path, err)
		}
	}
	before := l.Devices()
	if info.IsDir() {
		l.fn.loadAll(path)
	} else if l.fn.load(path) == 0 {
		return nil, fmt.Errorf("bindings: %s is not a plug-in for %s", path, l.describe())
	}
	added := slices.DeleteFunc(l.Devices(), func(d Device) bool { return slices.Contains(before, d) })
	if len(added) == 0 {
		return nil, fmt.Errorf("bindings: no plug-in in %s fits %s and this machine", path, l.describe())
	}
	return added, nil
}

// quietCore finds the core in dir that plug-ins for the built-in ggml use, and
// points its log, which would go to standard error, at this Lib.
func (l *Lib) quietCore(dir string) error {
	name := fmt.Sprintf("libggml-base-%s.so", l.builtIn.Version)
	if runtime.GOOS == "darwin" {
		name = fmt.Sprintf("libggml-base-%s.dylib", l.builtIn.Version)
	}
	core := filepath.Join(dir, name)
	if _, err := os.Stat(core); err != nil {
		return fmt.Errorf("no %s there: those for the built-in ggml are made by make plugins", name)
	}
	handle, err := dlopen(core)
	if err != nil {
		return fmt.Errorf("load %s: %w", core, err)
	}
	logSet, err := dlsym(handle, "ggml_log_set")
	if err != nil {
		return &MissingSymbolsError{Library: core, Names: []string{"ggml_log_set"}, Of: 1}
	}
	purego.SyscallN(logSet, logCallback(), uintptr(l.sink))
	return nil
}
