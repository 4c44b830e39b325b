//go:build cgo && (linux || darwin)

package kernels

import (
	"slices"
	"testing"

	"github.com/klauspost/cpuid/v2"
)

// TestLevelsMatchTheProcessor compares the levels with what another library finds
// in the processor: a level that is not found would not be tested.
func TestLevelsMatchTheProcessor(t *testing.T) {
	var want []Level
	for _, l := range []struct {
		level Level
		needs []cpuid.FeatureID
	}{
		{AVX2, []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3, cpuid.F16C}},
		{AVXVNNI, []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.AVXVNNI}},
		{AVX512VNNI, []cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512VNNI}},
		{AVX512BF16, []cpuid.FeatureID{cpuid.AVX512VNNI, cpuid.AVX512BF16}},
		{AMXBF16, []cpuid.FeatureID{cpuid.AVX512BF16, cpuid.AMXBF16, cpuid.AMXTILE}},
		{NEON, []cpuid.FeatureID{cpuid.ASIMDDP}},
		{NEONI8MM, []cpuid.FeatureID{cpuid.ASIMDDP, cpuid.I8MM}},
	} {
		if cpuid.CPU.Supports(l.needs...) {
			want = append(want, l.level)
		}
	}
	if best, last := Best(), slices.Max(append(want, Auto)); best != last && !(best == AVX512VNNI && last == AVX512BF16 && cpuid.CPU.VendorID == cpuid.Intel) {
		t.Errorf("Auto is %v, the best level of the processor is %v", best, last)
	}
	if got := Levels(); !slices.Equal(got, want) {
		t.Errorf("levels %v, the processor has %v", got, want)
	}
}
