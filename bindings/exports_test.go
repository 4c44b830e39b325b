package bindings

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgcli/paligemma/internal/testengine"
)

// TestExportsOfOtherSystems compares the table of functions with the libraries that
// other systems load: a name that one of them lacks would fail on that laptop only.
// macOS looks a name up in a library and its dependencies, Windows in the core and the
// base, so either must have it.
func TestExportsOfOtherSystems(t *testing.T) {
	for name, base := range map[string]string{
		"mac-arm64-metal": "libggml-base.dylib", "mac-x64": "libggml-base.dylib",
		"win-x64": "ggml-base.dll", "win-arm64": "ggml-base.dll",
		"linux-arm64": "libggml-base.so", "linux-x64-vulkan": "libggml-base.so", "linux-x64-cuda": "libggml-base.so",
	} {
		t.Run(name, func(t *testing.T) {
			dir := testengine.Path(".engines", name)
			if _, err := os.Stat(dir); err != nil {
				t.Skipf("no %s: run scripts/engines/fetch.sh --all", dir)
			}
			cores, err := filepath.Glob(filepath.Join(dir, "*ggml.*v*"))
			if err != nil || len(cores) != 1 {
				t.Fatalf("cores in %s: %q, %v, want one", dir, cores, err)
			}
			exported := slices.Concat(exports(t, cores[0]), exports(t, filepath.Join(dir, base)))
			for _, s := range new(functions).symbols() {
				if !slices.Contains(exported, s.name) {
					t.Errorf("%s is exported by neither %s nor %s", s.name, filepath.Base(cores[0]), base)
				}
			}
			if slices.Contains(exported, "ggml_no_such_function") || len(exported) < 100 {
				t.Errorf("%d names are read of the libraries, want more than 100", len(exported))
			}
		})
	}
}

// exports returns the names of C functions that a library of any system exports.
func exports(t *testing.T, file string) (names []string) {
	t.Helper()
	var err error
	switch filepath.Ext(file) {
	case ".dylib":
		names, err = machoExports(file)
	case ".dll":
		names, err = peExports(file)
	default:
		names, err = elfExports(file)
	}
	if err != nil {
		t.Fatalf("exports of %s: %v", file, err)
	}
	return names
}

func elfExports(file string) (names []string, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF && elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			names = append(names, s.Name)
		}
	}
	return names, err
}

// machoExports leaves out symbols that are undefined or local, and the underscore that
// C names begin with.
func machoExports(file string) (names []string, err error) {
	f, err := macho.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const external, kind, undefined = 0x01, 0x0e, 0x00 // N_EXT, N_TYPE, N_UNDF
	for _, s := range f.Symtab.Syms {
		if name, ok := strings.CutPrefix(s.Name, "_"); ok && s.Type&external != 0 && s.Type&kind != undefined {
			names = append(names, name)
		}
	}
	return names, nil
}

// peExports reads the export directory (section 6.3 of Microsoft's PE format), which
// package pe leaves out.
func peExports(file string) (names []string, err error) {
	f, err := pe.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	header, ok := f.OptionalHeader.(*pe.OptionalHeader64)
	if !ok {
		return nil, fmt.Errorf("not a library for 64 bits")
	}
	table := at(f, header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT].VirtualAddress)
	if len(table) < 40 {
		return nil, fmt.Errorf("no export directory")
	}
	count, pointers := binary.LittleEndian.Uint32(table[24:]), at(f, binary.LittleEndian.Uint32(table[32:]))
	for i := range int(count) {
		name, _, _ := bytes.Cut(at(f, binary.LittleEndian.Uint32(pointers[4*i:])), []byte{0})
		names = append(names, string(name))
	}
	return names, nil
}

// at returns the bytes of a section from an address on.
func at(f *pe.File, address uint32) []byte {
	for _, s := range f.Sections {
		if address >= s.VirtualAddress && address < s.VirtualAddress+s.Size {
			if data, err := s.Data(); err == nil {
				return data[address-s.VirtualAddress:]
			}
		}
	}
	return nil
}
