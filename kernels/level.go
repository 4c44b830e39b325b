package kernels

import (
	"fmt"
	"strings"
)

// A Level is a set of instructions that kernels are written for.
type Level int

// The levels, slowest first. Auto is the fastest that the processor has: the last of
// Levels, without AVX512BF16 on Intel's processors, where it is slow. AVX512BF16 and
// AMXBF16 are AVX512VNNI with products of bfloat16 by bfloat16.
const (
	Auto Level = iota
	AVX2
	AVXVNNI
	AVX512VNNI
	AVX512BF16
	AMXBF16
	NEON
	NEONI8MM
)

var levelNames = map[Level]string{AVX2: "avx2", AVXVNNI: "avx-vnni", AVX512VNNI: "avx512-vnni", AVX512BF16: "avx512-bf16", AMXBF16: "amx-bf16",
	NEON: "neon", NEONI8MM: "neon-i8mm"}

// String returns the level's name.
func (l Level) String() string { return levelNames[l] }

// BFloats reports whether the level multiplies bfloat16 weights by activations
// rounded to bfloat16, unless they are precise or uniform.
func (l Level) BFloats() bool { return l == AVX512BF16 || l == AMXBF16 }

// Levels returns the levels that this processor can run, slowest first; none
// without cgo.
func Levels() (levels []Level) {
	for l := AVX2; l <= NEONI8MM; l++ {
		if supported(l) {
			levels = append(levels, l)
		}
	}
	return levels
}

// ParseLevel returns the level of a name. It fails unless the level is one of
// Levels.
func ParseLevel(name string) (Level, error) {
	var names []string
	for _, l := range Levels() {
		if l.String() == name {
			return l, nil
		}
		names = append(names, l.String())
	}
	if names == nil {
		return Auto, ErrNone
	}
	return Auto, fmt.Errorf("kernels: no level %q; this processor has %s", name, strings.Join(names, ", "))
}
