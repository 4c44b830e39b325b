package bindings

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// environment names the variable that overrides the choice of engine.
const environment = "PALIGEMMA_GGML"

func fromEnvironment() string { return os.Getenv(environment) }

// defaultPaths lists where Open looks for a shared library if nobody names one:
// next to the executable, then by bare name, which leaves the search to the
// system's loader.
func defaultPaths() []string {
	var paths []string
	if exe, err := os.Executable(); err == nil {
		paths = append(paths, filepath.Dir(exe))
	}
	return append(paths, coreNames()...)
}

// coreNames returns the file names of ggml's core on this system, best first.
// The core is the library with the registry of devices. It depends on ggml-base,
// which holds the rest.
func coreNames() []string {
	switch runtime.GOOS {
	case "darwin":
		return []string{"libggml.dylib", "libggml.0.dylib"}
	case "windows":
		return []string{"ggml.dll"}
	}
	return []string{"libggml.so", "libggml.so.0"}
}

// locate returns the library file for a path: the file itself, the ggml core in
// a folder, or a bare core name, which the loader searches for.
func locate(path string) (string, error) {
	if slices.Contains(coreNames(), path) {
		return path, nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("bindings: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("bindings: ggml library: %w", err)
	}
	if !info.IsDir() {
		return path, nil
	}
	for _, pattern := range corePatterns() {
		// In the folder, whose own name may look like a pattern.
		if found, _ := fs.Glob(os.DirFS(path), pattern); len(found) > 0 {
			return filepath.Join(path, slices.Max(found)), nil
		}
	}
	return "", fmt.Errorf("bindings: no ggml library in folder %s (looked for %s)", path, strings.Join(corePatterns(), ", "))
}

// corePatterns match a core in a folder. Builds put version and variant in the
// name: libggml.so.0, libggml.v0.5.0.so, libggml.vulkan.v0.5.0.so.
func corePatterns() []string {
	switch runtime.GOOS {
	case "darwin":
		return []string{"libggml.dylib", "libggml.*.dylib"}
	case "windows":
		return []string{"ggml.dll", "ggml.*.dll"}
	}
	return []string{"libggml.so", "libggml.so.*", "libggml.*.so", "libggml.*.so.*"}
}

// explain adds to the loader's error the reason that file's header shows, if any.
func explain(file string, refused error) error {
	f, err := elf.Open(file)
	switch {
	case errors.Is(err, os.ErrNotExist) || !filepath.IsAbs(file) || runtime.GOOS != "linux":
		return refused
	case err != nil:
		return fmt.Errorf("not a shared library: %w", refused)
	}
	defer f.Close()
	if want := machine(); want != elf.EM_NONE && f.Machine != want {
		return fmt.Errorf("a library for %v, this program needs %v: %w", f.Machine, want, refused)
	}
	return refused
}

// machine returns ELF's number of this program's processor.
func machine() elf.Machine {
	switch runtime.GOARCH {
	case "amd64":
		return elf.EM_X86_64
	case "arm64":
		return elf.EM_AARCH64
	}
	return elf.EM_NONE
}
