// Package door is the registry of the built-in door: package ggml hands a
// ggml over that is compiled into the program, package bindings calls it.
// Neither imports the other, so only a program that imports package ggml links
// its module.
package door

import "sync"

// A BuiltIn is a ggml that is compiled into the program.
type BuiltIn struct {
	// Symbols returns the address of each function of ggml that package
	// bindings calls, by its C name; nil without cgo.
	Symbols func() map[string]uintptr

	Name    string // the ggml and its module, for people
	Version string // of the module: plug-ins carry it in their core's name
}

var registry struct {
	sync.Mutex
	builtIn *BuiltIn
}

// Register makes b the program's built-in ggml. It calls nothing of b, so that
// an init function may call it. A second call panics: the C functions of two
// ggml have the same names and cannot be linked into one program.
func Register(b BuiltIn) {
	registry.Lock()
	defer registry.Unlock()
	if registry.builtIn != nil {
		panic("door: a second built-in ggml: " + b.Name + " after " + registry.builtIn.Name)
	}
	registry.builtIn = &b
}

// Registered returns the program's built-in ggml; ok is false if the program
// imports none.
func Registered() (b BuiltIn, ok bool) {
	registry.Lock()
	defer registry.Unlock()
	if registry.builtIn == nil {
		return BuiltIn{}, false
	}
	return *registry.builtIn, true
}
