package paligemma

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"github.com/pgcli/paligemma/bindings"
	"github.com/pgcli/paligemma/kernels"
)

// EngineOptions choose the ggml that computes. The zero value takes the first
// of: the library that PALIGEMMA_GGML names, the ggml that the program has
// built in by importing package ggml, a library next to the executable, and a
// library that the system's loader knows. The working directory is not searched,
// nor is PATH on Windows.
type EngineOptions struct {
	Library string   // a ggml shared library, or a folder with one
	Plugins []string // plug-ins or folders of them to load: CPU levels, CUDA, Vulkan
}

// An Engine describes a loaded ggml. It stays loaded until the program ends.
type Engine struct {
	Door    string   `json:"door"`           // "built-in" or "shared library"
	Path    string   `json:"path,omitempty"` // of the shared library
	Version string   `json:"version"`        // of ggml
	Devices []Device `json:"devices"`        // in ggml's order

	// Kernels lists the levels of our own kernels that the processor can run,
	// slowest first. Models on the CPU use the last, but on Intel's processors
	// avx512-bf16 only if it is asked for: it is slower there than avx512-vnni.
	Kernels []string `json:"kernels"`

	// Compiled lists the instruction sets that the CPU code uses, Unused those
	// that the processor has besides. Sorted.
	Compiled []string `json:"compiled"`
	Unused   []string `json:"unused,omitempty"`

	// Slow reports that models on the CPU run 10 to 20 times slower than this
	// processor could run them: it runs none of our kernels, and ggml was compiled
	// without its vector instructions.
	Slow bool `json:"slow"`

	// Advice says what is slow and how to get a faster engine; "" if this one is as
	// fast as it gets. Open logs it, as a warning if that slows the model down.
	Advice string `json:"advice,omitempty"`
}

// A Device is a processor that models can run on.
type Device struct {
	Name        string `json:"name"` // for Options.Device
	Description string `json:"description"`
	Kind        string `json:"kind"`    // cpu, gpu, igpu or accel
	Backend     string `json:"backend"` // the part of ggml that drives it
	Free        uint64 `json:"free"`    // bytes of memory, 0 if unknown
	Total       uint64 `json:"total"`
}

// LoadEngine loads a ggml, if it is not loaded yet, and describes it. A nil
// opts means the defaults. Errors name each place that was tried.
func LoadEngine(opts *EngineOptions) (*Engine, error) {
	lib, err := openEngine(opts)
	if err != nil {
		return nil, err
	}
	return describe(lib), nil
}

// describe describes a loaded ggml.
func describe(lib *bindings.Lib) *Engine {
	e := &Engine{Door: string(lib.Door()), Path: lib.Path(), Version: lib.Version()}
	for _, l := range kernels.Levels() {
		e.Kernels = append(e.Kernels, l.String())
	}
	for _, d := range lib.Devices() {
		free, total := d.Memory()
		e.Devices = append(e.Devices, Device{
			Name: d.Name(), Description: strings.TrimSpace(d.Description()),
			Kind: d.Type().String(), Backend: d.Backend(), Free: free, Total: total,
		})
	}
	if cpu, err := lib.CPU(); err == nil {
		e.Compiled, e.Unused = instructionSets(cpu.Features())
	}
	if lib.Door() == bindings.BuiltIn { // no build of it uses AMX: its module leaves that code out
		e.Unused = slices.DeleteFunc(e.Unused, func(set string) bool { return set == "AMX_INT8" })
	}
	e.Slow = crippled(e.Unused) && len(e.Kernels) == 0
	e.Advice = advice(lib.Door(), e)
	return e
}

// openEngine loads a ggml and its plug-ins for the rest of the package.
func openEngine(opts *EngineOptions) (*bindings.Lib, error) {
	if opts == nil {
		opts = &EngineOptions{}
	}
	lib, err := bindings.Open(opts.Library)
	if err != nil {
		err = fmt.Errorf("paligemma: %w", err)
		if opts.Library != "" {
			err = &optionsError{err}
		}
		return nil, err
	}
	for _, path := range opts.Plugins {
		if _, err := lib.LoadPlugins(path); err != nil {
			return nil, &optionsError{fmt.Errorf("paligemma: %w", err)}
		}
	}
	return lib, nil
}

// processorHas maps ggml's names of instruction sets to the processor's.
var processorHas = map[string]cpuid.FeatureID{
	"SSE3": cpuid.SSE3, "SSSE3": cpuid.SSSE3, "AVX": cpuid.AVX, "AVX2": cpuid.AVX2,
	"F16C": cpuid.F16C, "FMA": cpuid.FMA3, "BMI2": cpuid.BMI2, "AVX_VNNI": cpuid.AVXVNNI,
	"AVX512": cpuid.AVX512F, "AVX512_VBMI": cpuid.AVX512VBMI, "AVX512_VNNI": cpuid.AVX512VNNI,
	"AVX512_BF16": cpuid.AVX512BF16, "AMX_INT8": cpuid.AMXINT8,
	"NEON": cpuid.ASIMD, "DOTPROD": cpuid.ASIMDDP, "SVE": cpuid.SVE,
}

// instructionSets splits the processor's instruction sets into those that the
// engine was compiled with and those that it leaves unused.
func instructionSets(features map[string]string) (compiled, unused []string) {
	for name, id := range processorHas {
		switch {
		case features[name] != "" && features[name] != "0":
			compiled = append(compiled, name)
		case cpuid.CPU.Has(id):
			unused = append(unused, name)
		}
	}
	slices.Sort(compiled)
	slices.Sort(unused)
	return compiled, unused
}

// crippled reports whether the vector instructions that matter most are unused.
func crippled(unused []string) bool {
	return slices.ContainsFunc(unused, func(set string) bool { return set == "AVX" || set == "AVX2" || set == "FMA" })
}

// advice is one line on how to use the unused instruction sets; "" without any.
func advice(door bindings.Door, e *Engine) string {
	if len(e.Unused) == 0 {
		return ""
	}
	cost := "its matrix products may be slower than they could be"
	if crippled(e.Unused) {
		cost = "its matrix products run 10 to 20 times slower"
	}
	if len(e.Kernels) > 0 {
		cost += ", which matters only with Options.Kernels off (--kernels off), as models run at full speed with our own kernels"
	}
	remedy := "compile the program with CGO_CFLAGS and CGO_CXXFLAGS for this machine, as in the Makefile of " + modulePath
	if door == bindings.SharedLibrary {
		remedy = "use a ggml built for this processor, or a folder of libggml-cpu plug-ins"
	}
	return fmt.Sprintf("ggml was compiled without %s, which this processor has: %s; to change that, %s",
		strings.Join(e.Unused, ", "), cost, remedy)
}

const modulePath = "github.com/pgcli/paligemma"

// logAdvice logs how the model could run faster.
func (m *Model) logAdvice() {
	if m.opts.Logger == nil || m.device.Type() != bindings.CPU {
		return
	}
	e := describe(m.lib)
	switch {
	case e.Advice == "":
	case !m.kernels && crippled(e.Unused):
		m.opts.Logger.Warn(e.Advice)
	default:
		m.opts.Logger.Info(e.Advice)
	}
}
