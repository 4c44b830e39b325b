package bindings

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/pgcli/paligemma/internal/door"
	"github.com/pgcli/paligemma/internal/legible"
)

// A Lib is one loaded ggml. It is safe for concurrent use and is never
// unloaded: ggml keeps threads and a registry of devices of its own.
type Lib struct {
	fn      functions
	addr    map[string]uintptr // of each C function, for those passed on as callbacks
	door    Door
	builtIn door.BuiltIn // zero if a shared library
	path    string
	version string

	live    atomic.Int64 // open handles
	logger  atomic.Pointer[slog.Logger]
	sink    int        // in logSinks
	plugins sync.Mutex // guards loading, which ggml does not lock
}

// A Door says where a Lib came from.
type Door string

// The two doors.
const (
	BuiltIn       Door = "built-in"
	SharedLibrary Door = "shared library"
)

// loaded holds the libraries of the process. A second Open of the same ggml must
// find the first, because a ggml has one registry of devices.
var loaded struct {
	sync.Mutex
	libs map[string]*Lib // by real path; "" is the built-in one
}

// Open returns an engine. With a path it loads that library, or the one in
// that folder. With "" it takes the first of: the path in the environment
// variable PALIGEMMA_GGML, the ggml that the program has built in by importing
// package ggml, a library next to the executable, and a library that the
// system's loader knows.
//
// Errors name every place that was tried, and every missing function.
func Open(path string) (*Lib, error) {
	if path == "" {
		path = fromEnvironment()
	}
	if path != "" {
		return openShared(path)
	}
	lib, err := openBuiltIn()
	if err == nil {
		return lib, nil
	}
	tried := []error{err}
	for _, path := range defaultPaths() {
		lib, err := openShared(path)
		if err == nil {
			return lib, nil
		}
		tried = append(tried, err)
	}
	return nil, fmt.Errorf("bindings: no ggml found; build with cgo and import package ggml, or set %s to a ggml library or its folder: %w",
		environment, errors.Join(tried...))
}

// ErrNoBuiltIn is returned, wrapped with the reason, by a program that has no
// ggml inside.
var ErrNoBuiltIn = errors.New("no ggml is built in")

func openBuiltIn() (*Lib, error) {
	return once("", func() (*Lib, error) {
		ggml, ok := door.Registered()
		if !ok {
			return nil, fmt.Errorf(`bindings: %w: the program lacks import _ "github.com/pgcli/paligemma/ggml"`, ErrNoBuiltIn)
		}
		addr := ggml.Symbols()
		if addr == nil {
			return nil, fmt.Errorf("bindings: %w: the program was built with CGO_ENABLED=0", ErrNoBuiltIn)
		}
		lib := &Lib{door: BuiltIn, builtIn: ggml, addr: addr}
		return lib, lib.fill("the built-in ggml")
	})
}

func openShared(path string) (*Lib, error) {
	file, err := locate(path)
	if err != nil {
		return nil, err
	}
	key := file
	if real, err := filepath.EvalSymlinks(file); err == nil {
		key = real
	}
	lib, err := once(key, func() (*Lib, error) {
		handle, err := dlopen(file)
		if err != nil {
			return nil, fmt.Errorf("bindings: load %s: %w", file, err)
		}
		lib := &Lib{door: SharedLibrary, path: file, addr: resolve(handle)}
		if err := lib.fill(file); err != nil {
			dlclose(handle)
			return nil, err
		}
		return lib, nil
	})
	if err != nil {
		return nil, err
	}
	if err := lib.loadOwnPlugins(); err != nil {
		return nil, err
	}
	return lib, nil
}

// loadOwnPlugins loads the plug-ins beside a core that has no devices built in.
// A core without plug-ins stays loaded, so that a later Open can look for them
// again.
func (l *Lib) loadOwnPlugins() error {
	l.plugins.Lock()
	defer l.plugins.Unlock()
	if len(l.Devices()) > 0 || !filepath.IsAbs(l.path) {
		return nil
	}
	_, err := l.loadPlugins(filepath.Dir(l.path))
	return err
}

// once returns the library under key, opening it the first time.
func once(key string, open func() (*Lib, error)) (*Lib, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if lib := loaded.libs[key]; lib != nil {
		return lib, nil
	}
	lib, err := open()
	if err != nil {
		return nil, err
	}
	if loaded.libs == nil {
		loaded.libs = map[string]*Lib{}
	}
	loaded.libs[key] = lib
	return lib, nil
}

// fill points the table at the addresses, checks that the library lays out types
// as this project does, and takes over its log.
func (l *Lib) fill(what string) error {
	if missing := l.fn.register(l.addr); len(missing) > 0 {
		return &MissingSymbolsError{Library: what, Names: missing, Of: len(l.fn.symbols())}
	}
	for _, t := range known {
		if block, bytes := int(l.fn.blckSize(t)), int(l.fn.typeSize(t)); block != t.BlockSize() || bytes != t.BlockBytes() {
			return fmt.Errorf("bindings: %s: type %v has blocks of %d in %d bytes, want %d in %d: not a compatible ggml",
				what, t, block, bytes, t.BlockSize(), t.BlockBytes())
		}
	}
	l.version = l.fn.version()
	l.captureLog()
	return nil
}

// Door says whether ggml is built in or came from a shared library.
func (l *Lib) Door() Door { return l.door }

// Path returns the shared library's file; "" for the built-in ggml.
func (l *Lib) Path() string { return l.path }

// Version returns the version that a shared library gives itself, or the
// module and commit of the built-in ggml.
func (l *Lib) Version() string {
	if l.door == BuiltIn {
		return l.builtIn.Name
	}
	if l.version == "" {
		return "of unknown version" // as the module's own, built as a library
	}
	return l.version
}

// Live returns how many handles that own native memory are open: contexts,
// buffers, backends, allocators and schedulers.
func (l *Lib) Live() int { return int(l.live.Load()) }

// A MissingSymbolsError lists every function that a library lacks.
type MissingSymbolsError struct {
	Library string
	Names   []string
	Of      int // functions looked for
}

func (e *MissingSymbolsError) Error() string {
	return fmt.Sprintf("bindings: %s lacks %d of %d ggml functions, so it is no ggml, or one of another version:\n%s",
		e.Library, len(e.Names), e.Of, legible.Lines(e.Names, "  "))
}
